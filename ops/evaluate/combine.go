package evaluate

import (
	"context"
	"fmt"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type combine struct {
	Models   []weighted     `yaml:"models" check:"min=2" doc:"models to combine; the first is what the combination is compared with"`
	Data     schema.DataRef `yaml:"data" doc:"texts; their length is that of a window, their samples are windows"`
	How      string         `yaml:"how" default:"probabilities" check:"enum=probabilities|logits|entropy" doc:"what is averaged; entropy averages probabilities with weights that fall as a model's entropy grows"`
	Protocol string         `yaml:"protocol" default:"begin" check:"enum=begin|hf-stride|llama.cpp|gptq|rolling" doc:"how texts are cut and what is scored"`
}

type weighted struct {
	Model  schema.Ref `yaml:"model" doc:"model to combine"`
	Weight float64    `yaml:"weight" default:"1" check:">=0" doc:"its share; shares are divided by their sum"`
}

// FromScalar lets a model stand for itself.
func (*weighted) FromScalar() string { return "model" }

// allModels is the name that the combination's metrics go by.
const allModels = "combined"

func init() {
	ops.Add(&Set, ops.Spec[combine]{
		Name: "evaluate.combine", Version: 1,
		Summary: "Measures how well models predict texts together, without merging their weights.",
		Doc: "At every position the predictions of all models become one: `probabilities`, p = sum w p_i (MoD, CombLM's constant scalar); `logits`, softmax(sum w z_i), a product of experts; " +
			"`entropy`, p = sum w_i(x) p_i with w_i(x) = w_i exp(-H_i) / sum, H_i being the entropy of model i at that position (DaWin's rule, by token). " +
			"Under the name combined: nll, perplexity, bits_per_byte, tokens, windows, and nll_diff to the first model with nll_diff_low and nll_diff_high, the 95 % interval of a bootstrap over windows (2000 draws, by the seed). " +
			"Under each model's name its own nll and perplexity on the same tokens. All models need one tokenizer and vocabulary.",
		Source:  "MoD (arXiv 2411.00406); CombLM (Ormazabal et al., EMNLP 2023); DaWin (Oh et al., ICLR 2025)",
		Example: "op: evaluate.combine\nmodels: [{model: sums, weight: 0.6}, lists]\ndata: held\n",
		Check: func(p *combine) []schema.Problem {
			weighs := false
			for _, m := range p.Models {
				weighs = weighs || m.Weight > 0
				if m.Model.Name == allModels {
					return []schema.Problem{{Pos: m.Model.Pos, Path: "models", Msg: "the metrics of all models together go by the name " + allModels, Cure: "give the model another name"}}
				}
			}
			if !weighs {
				return []schema.Problem{{Path: "models", Msg: "all weights are 0", Cure: "give one a weight"}}
			}
			return nil
		},
		Score: &ops.ScoreKernel[combine]{
			Check: func(p *combine, in []ops.Header, data []*ops.Data) error {
				return checkTexts(in, data[0], p.Protocol, 0)
			},
			Runs: func(_ *combine, ports int) [][]int {
				all := make([]int, ports)
				for i := range all {
					all[i] = i
				}
				return [][]int{all}
			},
			Run:    runCombine,
			Finish: finishCombine,
		},
	})
}

func runCombine(ctx context.Context, p *combine, x *ops.Trial) (ops.Result, error) {
	models, err := openAll(x)
	if err != nil {
		return ops.Result{}, err
	}
	first := models[0]
	windows, length, err := first.windows(x.Data[0], protocolOf(p.Protocol), 0)
	if err != nil {
		return ops.Result{}, err
	}
	all := make([]sequence, len(windows))
	bytes, n := 0, 0
	for i, w := range windows {
		all[i] = w.sequence
		bytes += w.bytes
		n += len(w.ids) - w.from
	}
	places := make([][]float64, n) // nll of the combination, then of each model
	of := make([]int, n)
	err = manyLogits(ctx, x, models, all, func(at, sequence int, target int32, z [][]float32) {
		places[at], of[at] = p.together(z, target), sequence
	})
	if err != nil {
		return ops.Result{}, err
	}
	r := ops.Result{Items: map[string][]float64{"tokens": make([]float64, len(all))}, Notes: map[string]string{"tokenizer": first.tokens.Digest(), "length": fmt.Sprint(length), "bytes": fmt.Sprint(bytes)}}
	for k := range len(models) + 1 {
		column := make([]float64, len(all))
		for at, v := range places {
			column[of[at]] += v[k]
		}
		r.Items[columnOf(k)] = column
	}
	for _, i := range of {
		r.Items["tokens"][i]++
	}
	sum := total(r.Items[columnOf(0)])
	r.Values = map[string]float64{"nll": sum / float64(n), "perplexity": math.Exp(sum / float64(n)), "bits_per_byte": sum / math.Ln2 / float64(bytes), "tokens": float64(n), "windows": float64(len(all))}
	return r, nil
}

// columnOf names the likelihoods of the combination, 0, and of each model.
func columnOf(k int) string { return fmt.Sprintf("nll %d", k) }

// together returns the negative log likelihood of the target by all models
// together, and by each.
func (p *combine) together(z [][]float32, target int32) []float64 {
	out, sums, shares := make([]float64, len(z)+1), make([]float64, len(z)), make([]float64, len(z))
	for i, row := range z {
		sums[i], _ = logSum(row)
		shares[i] = p.Models[i].Weight
		out[i+1] = sums[i] - float64(row[target])
		if p.How == "entropy" {
			shares[i] *= math.Exp(-entropy(row, sums[i]))
		}
	}
	all := total(shares)
	if p.How == "logits" {
		mixed := make([]float32, len(z[0]))
		for i, row := range z {
			for k, v := range row {
				mixed[k] += float32(shares[i]/all) * v
			}
		}
		sum, _ := logSum(mixed)
		out[0] = sum - float64(mixed[target])
		return out
	}
	likelihood := 0.0
	for i := range z {
		likelihood += shares[i] / all * math.Exp(-out[i+1])
	}
	out[0] = -math.Log(max(likelihood, math.SmallestNonzeroFloat64))
	return out
}

// entropy is that of softmax(z), whose log sum is known, in nats.
func entropy(z []float32, sum float64) float64 {
	h := 0.0
	for _, v := range z {
		l := float64(v) - sum
		h -= math.Exp(l) * l
	}
	return h
}

func finishCombine(p *combine, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
	r := results[0]
	tokens := r.Items["tokens"]
	n := total(tokens)
	m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: "combine 1, " + p.How + ", " + protocolOf(p.Protocol).name + ", length " + r.Notes["length"] + tokenizers(in[:1], results)}
	for i, h := range in {
		nll := total(r.Items[columnOf(i+1)]) / n
		m.Values[h.Name] = map[string]float64{"nll": nll, "perplexity": math.Exp(nll)}
	}
	compareItems(r.Values, "nll", seed, map[string][]float64{"nll": r.Items[columnOf(1)]}, map[string][]float64{"nll": r.Items[columnOf(0)]}, tokens)
	m.Values[allModels] = r.Values
	return m, nil
}
