package evaluate

import (
	"context"
	"fmt"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type perplexity struct {
	Models   []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure; the first is what the others are compared with"`
	Data     schema.DataRef `yaml:"data" doc:"texts; their length is that of a window, their samples are windows"`
	Protocol string         `yaml:"protocol" default:"begin" check:"enum=begin|hf-stride|llama.cpp|gptq|rolling" doc:"how texts are cut and what is scored"`
	Stride   int            `yaml:"stride" check:"optional,>=1" doc:"of hf-stride: how far a window moves; default: half of its length"`
}

func init() {
	ops.Add(&Set, ops.Spec[perplexity]{
		Name: "evaluate.perplexity", Version: 1,
		Metrics: "nll perplexity perplexity_stderr bits_per_byte tokens windows nll_diff nll_diff_low nll_diff_high",
		Summary: "Measures how well models predict texts.",
		Doc: "For every model: nll (mean negative log likelihood of a token, in nats), perplexity exp(nll) and its standard error over tokens, bits_per_byte of the text that was scored " +
			"(the only one of them that compares across tokenizers), tokens and windows. For every model but the first, if both have one tokenizer: nll_diff, its nll less that of the first, " +
			"and nll_diff_low and nll_diff_high, the 95 % interval of a bootstrap over windows (2000 draws, by the seed): the model is better where nll_diff_high < 0. " +
			"Protocols: `begin`, disjoint windows of the data's length, each behind the token that begins a text, every token scored; " +
			"`hf-stride`, windows that move by the stride, each scoring what the one before did not reach (length: the model's positions); " +
			"`llama.cpp`, disjoint chunks (512) whose second half is scored; `gptq`, disjoint windows (2048) of which all but the first token are scored; " +
			"`rolling`, each document apart, every token once, as lm-evaluation-harness. All but rolling join documents by an empty line. " +
			"Special tokens written in the text are text, unless the data says special: true.",
		Source:  "transformers' perplexity guide; llama.cpp's perplexity; Frantar et al., arXiv 2210.17323; lm-evaluation-harness; Efron 1979 for the bootstrap",
		Example: "op: evaluate.perplexity\nmodels: [base, merged]\ndata: held\nprotocol: llama.cpp\n",
		Check:   func(p *perplexity) []schema.Problem { return append(twice(p.Models), strided(p.Protocol, p.Stride)...) },
		Score: &ops.ScoreKernel[perplexity]{
			Check: func(p *perplexity, in []ops.Header, data []*ops.Data) error {
				return checkTexts(in, data[0], p.Protocol, p.Stride)
			},
			Run:    runPerplexity,
			Finish: finishPerplexity,
		},
	})
}

func runPerplexity(ctx context.Context, p *perplexity, x *ops.Trial) (ops.Result, error) {
	s, err := open(x, 0, false)
	if err != nil {
		return ops.Result{}, err
	}
	windows, length, err := s.windows(x.Data[0], protocolOf(p.Protocol), p.Stride)
	if err != nil {
		return ops.Result{}, err
	}
	all := make([]sequence, len(windows))
	for i, w := range windows {
		all[i] = w.sequence
	}
	scores, err := s.score(ctx, all)
	if err != nil {
		return ops.Result{}, err
	}
	nll, count := make([]float64, len(scores)), make([]float64, len(scores))
	bytes, squares := 0, 0.0
	for i, window := range scores {
		for k, t := range window {
			if math.IsInf(t.LogProb, -1) {
				return ops.Result{}, fmt.Errorf("window %d: %w", i+1, impossible(s.name, all[i].ids[all[i].from+k]))
			}
			nll[i] -= t.LogProb
			squares += float64(t.LogProb * t.LogProb)
		}
		count[i] = float64(len(window))
		bytes += windows[i].bytes
	}
	sum, n := total(nll), int(total(count))
	mean := sum / float64(n)
	return ops.Result{
		Values: map[string]float64{"nll": mean, "perplexity": math.Exp(mean), "perplexity_stderr": math.Exp(mean) * spread(sum, squares, n),
			"bits_per_byte": sum / math.Ln2 / float64(bytes), "tokens": float64(n), "windows": float64(len(windows))},
		Items: map[string][]float64{"nll": nll, "tokens": count},
		Notes: map[string]string{"tokenizer": s.tokens.Digest(), "length": fmt.Sprint(length)},
	}, nil
}

func finishPerplexity(p *perplexity, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
	m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: "perplexity " + protocolOf(p.Protocol).name + ", length " + results[0].Notes["length"]}
	if p.Stride > 0 {
		m.Protocol += fmt.Sprintf(", stride %d", p.Stride)
	}
	m.Protocol += tokenizers(in, results)
	for i, r := range results {
		v := r.Values
		if i > 0 && comparable(r, results[0]) {
			compareItems(v, "nll", seed, results[0].Items, r.Items, r.Items["tokens"])
		}
		m.Values[in[i].Name] = v
	}
	return m, nil
}
