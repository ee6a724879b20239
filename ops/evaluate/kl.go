package evaluate

import (
	"context"
	"fmt"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type divergence struct {
	Reference schema.Ref     `yaml:"reference" check:"optional" doc:"model that the others are held against, unless the data is what one predicted"`
	Models    []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure"`
	Data      schema.DataRef `yaml:"data" doc:"texts; their length is that of a window, their samples are windows. Or logits that were saved of a reference"`
	Protocol  string         `yaml:"protocol" default:"llama.cpp" check:"enum=begin|hf-stride|llama.cpp|gptq|rolling" doc:"how texts are cut and where models are compared"`
	Stride    int            `yaml:"stride" check:"optional,>=1" doc:"of hf-stride: how far a window moves; default: half of its length"`
}

func init() {
	ops.Add(&Set, ops.Spec[divergence]{
		Name: "evaluate.kl", Version: 2,
		Metrics: "kl kl_* same_top same_top_stderr dp_* difference difference_stderr ratio ratio_stderr ln_ratio ln_ratio_stderr nll_correlation perplexity perplexity_stderr reference_perplexity reference_perplexity_stderr positions",
		Summary: "Measures how far the predictions of models are from those of a reference.",
		Doc: "At every scored position of the texts: KL = sum p_ref (ln p_ref - ln p) over tokens with ln p_ref > -16, in nats, from full-precision logits. For every model: kl (mean), kl_stderr, " +
			"kl_low and kl_high (95 % bootstrap interval over windows, 2000 draws, by the seed), and the quantiles kl_max, kl_p999 (99.9 %), kl_p99, kl_p95, kl_p90, kl_median, kl_p10, kl_p05, kl_p01, kl_p001 and kl_min; same_top (share of positions whose likeliest token is the same); " +
			"dp_mean and dp_rms, the change of the probability of the true token, with the same quantiles and dp_p75 and dp_p25; perplexity and reference_perplexity, their ratio and difference, ln_ratio, the difference of the two mean negative log likelihoods, and nll_correlation, how these go together, which the errors of the three count in; positions. A name with _stderr is a standard error. " +
			"Protocols are those of evaluate.perplexity. All models need the reference's tokenizer and vocabulary. " +
			"Over data with logits (of llama-perplexity --kl-divergence-base, or of roux logits) no reference is run: the tokens and its log probabilities, rounded to 16 bits, are the file's.",
		Source:  "llama.cpp's perplexity --kl-divergence",
		Example: "op: evaluate.kl\nreference: base\nmodels: [pruned, w4]\ndata: held\n",
		Check:   func(p *divergence) []schema.Problem { return append(twice(p.Models), strided(p.Protocol, p.Stride)...) },
		Score: &ops.ScoreKernel[divergence]{
			Check:  checkKL,
			Runs:   runsKL,
			Run:    runKL,
			Finish: finishKL,
		},
	})
}

// position is what two models differ by at one place.
type position struct {
	sequence    int
	kl, dp      float64
	nll, nllRef float64
	same        bool
}

// compared compares what a reference predicts with what a model does: p less lp
// are log probabilities, of which that of topP is the largest; q are logits. What
// is infinite, of either, is an error.
func compared(sequence int, target int32, p []float32, lp float64, topP int, q []float32) (position, error) {
	lq, topQ := logSum(q)
	kl := 0.0
	for i, v := range p {
		if a := float64(v) - lp; a > -16 {
			kl += float64(math.Exp(a) * (a - (float64(q[i]) - lq)))
		}
	}
	a, b := float64(p[target])-lp, float64(q[target])-lq
	at := position{sequence: sequence, kl: kl, dp: math.Exp(b) - math.Exp(a), nll: -b, nllRef: -a, same: topP == topQ}
	if math.IsInf(kl, 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return at, fmt.Errorf("window %d: a token has no probability at all by one of the two models (its logit is -Inf), and KL or the likelihood of token %d is infinite: the head's weights are damaged or overflow", sequence+1, target)
	}
	return at, nil
}

// positionBytes is what a position takes, with what is made of it to describe all.
const positionBytes = 128

// runsKL pairs each model with the reference, if that is a model.
func runsKL(p *divergence, ports int) [][]int {
	if p.Reference.Name != "" {
		return againstFirst(p, ports)
	}
	runs := make([][]int, ports)
	for i := range runs {
		runs[i] = []int{i}
	}
	return runs
}

func checkKL(p *divergence, in []ops.Header, data []*ops.Data) error {
	d, own := data[0], p.Reference.Name != ""
	switch {
	case d.Saved == nil && !own:
		return d.Errorf("it holds nothing of a reference: say reference: MODEL in the step, or take data with logits")
	case d.Saved == nil:
		if err := oneVocabulary(in); err != nil {
			return err
		}
		return checkTexts(in, d, p.Protocol, p.Stride)
	case own:
		return d.Errorf("its logits are those of a reference already: remove reference: %s", p.Reference.Name)
	case p.Protocol != "llama.cpp":
		return d.Errorf("its logits are of the protocol llama.cpp: remove protocol: %s", p.Protocol)
	}
	return checkSaved(in, d)
}

func runKL(ctx context.Context, p *divergence, x *ops.Trial) (ops.Result, error) {
	if x.Data[0].Saved != nil {
		return runSaved(ctx, x)
	}
	models, err := openAll(x)
	if err != nil {
		return ops.Result{}, err
	}
	windows, length, err := models[0].windows(x.Data[0], protocolOf(p.Protocol), p.Stride)
	if err != nil {
		return ops.Result{}, err
	}
	all, n := make([]sequence, len(windows)), 0
	for i, w := range windows {
		all[i] = w.sequence
		n += len(w.ids) - w.from
	}
	within, err := afford(x, x.Data[0], n, positionBytes, 0)
	if err != nil {
		return ops.Result{}, err
	}
	places := make([]position, n)
	err = manyLogits(ctx, within, models, all, func(at, sequence int, target int32, z [][]float32) (err error) {
		norm, best := logSum(z[0])
		if places[at], err = compared(sequence, target, z[0], norm, best, z[1]); err != nil {
			return fmt.Errorf("models %s and %s: %w", models[0].name, models[1].name, err)
		}
		return nil
	})
	if err != nil {
		return ops.Result{}, err
	}
	return resultKL(places, len(all), length, models[1]), nil
}

// resultKL sums up positions, and adds them up by window.
func resultKL(places []position, windows, length int, s *subject) ops.Result {
	kl, count := make([]float64, windows), make([]float64, windows)
	for _, at := range places {
		kl[at.sequence] += at.kl
		count[at.sequence]++
	}
	return ops.Result{Values: describeKL(places), Items: map[string][]float64{"kl": kl, "positions": count},
		Notes: map[string]string{"tokenizer": s.tokens.Digest(), "length": fmt.Sprint(length)}}
}

func finishKL(p *divergence, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
	from := "kl 2, "
	if p.Reference.Name != "" {
		in = in[1:]
	} else {
		from += "against saved logits, "
	}
	m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: from + protocolOf(p.Protocol).name + ", length " + results[0].Notes["length"] + tokenizers(in, results)}
	for i, r := range results {
		if len(r.Items["kl"]) > 1 {
			r.Values["kl_low"], r.Values["kl_high"] = interval(seed, "kl", r.Items["kl"], r.Items["positions"])
		}
		m.Values[in[i].Name] = r.Values
	}
	return m, nil
}
