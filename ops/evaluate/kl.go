package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type divergence struct {
	Reference schema.Ref     `yaml:"reference" doc:"model that the others are held against"`
	Models    []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure"`
	Data      schema.DataRef `yaml:"data" doc:"texts; their length is that of a window, their samples are windows"`
	Protocol  string         `yaml:"protocol" default:"llama.cpp" check:"enum=begin|hf-stride|llama.cpp|gptq|rolling" doc:"how texts are cut and where models are compared"`
	Stride    int            `yaml:"stride" check:"optional,>=1" doc:"of hf-stride: how far a window moves; default: half of its length"`
}

func init() {
	ops.Add(&Set, ops.Spec[divergence]{
		Name: "evaluate.kl", Version: 1,
		Summary: "Measures how far the predictions of models are from those of a reference.",
		Doc: "At every scored position of the texts: KL = sum p_ref (ln p_ref - ln p) over tokens with ln p_ref > -16, in nats, from full-precision logits. For every model: kl (mean), kl_stderr, " +
			"kl_low and kl_high (95 % bootstrap interval over windows, 2000 draws, by the seed), kl_max, kl_median, kl_p90, kl_p95, kl_p99, kl_p999; same_top (share of positions whose likeliest token is the same) and its standard error; " +
			"dp_mean and dp_rms, the change of the probability of the true token; perplexity, reference_perplexity and ln_ratio, the difference of the two mean negative log likelihoods, with ln_ratio_stderr that counts in how they go together; positions. " +
			"Protocols are those of evaluate.perplexity. All models need the reference's tokenizer and vocabulary.",
		Source:  "llama.cpp's perplexity --kl-divergence",
		Example: "op: evaluate.kl\nreference: base\nmodels: [pruned, w4]\ndata: held\n",
		Check:   func(p *divergence) []schema.Problem { return strided(p.Protocol, p.Stride) },
		Score: &ops.ScoreKernel[divergence]{
			Check: func(p *divergence, in []ops.Header, data []*ops.Data) error {
				return checkTexts(in, data[0], p.Protocol, p.Stride)
			},
			Runs:   againstFirst[divergence],
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

// compared compares the predictions of a reference with a model's.
func compared(sequence int, target int32, p, q []float32) position {
	lp, topP := logSum(p)
	lq, topQ := logSum(q)
	kl := 0.0
	for i, v := range p {
		if a := float64(v) - lp; a > -16 {
			kl += math.Exp(a) * (a - (float64(q[i]) - lq))
		}
	}
	a, b := float64(p[target])-lp, float64(q[target])-lq
	return position{sequence: sequence, kl: kl, dp: math.Exp(b) - math.Exp(a), nll: -b, nllRef: -a, same: topP == topQ}
}

func runKL(ctx context.Context, p *divergence, x *ops.Trial) (ops.Result, error) {
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
	places := make([]position, n)
	err = manyLogits(ctx, x, models, all, func(at, sequence int, target int32, z [][]float32) {
		places[at] = compared(sequence, target, z[0], z[1])
	})
	if err != nil {
		return ops.Result{}, err
	}
	kl, count := make([]float64, len(all)), make([]float64, len(all))
	for _, at := range places {
		kl[at.sequence] += at.kl
		count[at.sequence]++
	}
	return ops.Result{Values: describeKL(places), Items: map[string][]float64{"kl": kl, "positions": count},
		Notes: map[string]string{"tokenizer": models[1].tokens.Digest(), "length": fmt.Sprint(length)}}, nil
}

// describeKL sums up positions, in their order.
func describeKL(places []position) map[string]float64 {
	n := len(places)
	column := func(f func(position) float64) (sum, squares float64) {
		for _, at := range places {
			v := f(at)
			sum += v
			squares += float64(v * v)
		}
		return sum, squares
	}
	kl, kl2 := column(func(at position) float64 { return at.kl })
	dp, dp2 := column(func(at position) float64 { return at.dp })
	ref, _ := column(func(at position) float64 { return at.nllRef })
	own, _ := column(func(at position) float64 { return at.nll })
	ratio, ratio2 := column(func(at position) float64 { return at.nll - at.nllRef })
	same, _ := column(func(at position) float64 {
		if at.same {
			return 1
		}
		return 0
	})
	f := float64(n)
	share := same / f
	v := map[string]float64{"positions": f, "kl": kl / f, "kl_stderr": spread(kl, kl2, n),
		"same_top": share, "same_top_stderr": math.Sqrt(share * (1 - share) / math.Max(f-1, 1)),
		"dp_mean": dp / f, "dp_rms": math.Sqrt(dp2 / f),
		"perplexity": math.Exp(own / f), "reference_perplexity": math.Exp(ref / f), "ln_ratio": ratio / f, "ln_ratio_stderr": spread(ratio, ratio2, n)}
	sorted := make([]float64, n)
	for i, at := range places {
		sorted[i] = at.kl
	}
	slices.Sort(sorted)
	for name, q := range map[string]float64{"kl_median": 0.5, "kl_p90": 0.9, "kl_p95": 0.95, "kl_p99": 0.99, "kl_p999": 0.999, "kl_max": 1} {
		v[name] = quantile(sorted, q)
	}
	return v
}

func finishKL(p *divergence, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
	m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: "kl 1, " + protocolOf(p.Protocol).name + ", length " + results[0].Notes["length"] + tokenizers(in[1:], results)}
	for i, r := range results {
		if len(r.Items["kl"]) > 1 {
			r.Values["kl_low"], r.Values["kl_high"] = interval(seed, "kl", r.Items["kl"], r.Items["positions"])
		}
		m.Values[in[i+1].Name] = r.Values
	}
	return m, nil
}
