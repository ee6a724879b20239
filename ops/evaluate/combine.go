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
	How      string         `yaml:"how" default:"probabilities" check:"enum=probabilities|logits|entropy|fitted|gated|dynamic" doc:"how predictions become one"`
	Over     string         `yaml:"over" default:"token" check:"enum=token|window" doc:"of entropy: whether each token or each window has weights of its own"`
	Fit      schema.DataRef `yaml:"fit" check:"optional" doc:"of fitted and gated: texts that the weights are fitted to"`
	Base     schema.Ref     `yaml:"base" check:"optional" doc:"of dynamic: the small model that the experts, all models but the first, were made of"`
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
		Name: "evaluate.combine", Version: 2,
		Metrics: "nll perplexity bits_per_byte tokens windows nll_diff nll_diff_low nll_diff_high share",
		Joint:   allModels,
		Summary: "Measures how well models predict texts together, without merging their weights.",
		Doc: "At every position the predictions of all models become one:\n" +
			"`probabilities`, p = sum w p_i (MoD; with equal weights CombLM's mean). " +
			"`logits`, softmax(sum w z_i), a product of experts. " +
			"`entropy`, p = sum w_i(x) p_i with w_i(x) = w_i exp(-H_i) / sum: H_i is the entropy of model i at that position, or with over: window its mean over the window's scored tokens (DaWin's rule; DaWin interpolates weights by it, one model a sample). " +
			"`fitted`, p = sum w_i p_i with the w of the greatest likelihood of the texts of fit (CombLM's constant scalar), found by EM. " +
			"`gated`, w(x) = softmax(net(H_1 .. H_n)), a net of 16 tanh units over the entropies at that position (CombLM's entropy scalar, whose other nets see all probabilities and are not offered), which begins at the fitted w, though with 0.02 for each at the least, and is trained on fit by 500 steps of Adam. " +
			"`dynamic`, z = z_1 + sum a_t (z_t - z_base): the first model takes over what the experts learned beyond base; at each position the a are those of 0, 0.1 .. 2 that make KL(P|P_1) and KL(P_1|P) most like KL(P_t|P_base) and KL(P_base|P_t), in squares summed over experts; of several experts one after the other until nothing changes.\n" +
			"Under the name combined: nll, perplexity, bits_per_byte, tokens, windows, and nll_diff to the first model with nll_diff_low and nll_diff_high, the 95 % interval of a bootstrap over windows (2000 draws, by the seed). " +
			"Under each model's name its own nll and perplexity on the same tokens, and share, the mean of its weight, of an expert that of a. All models need one tokenizer and vocabulary.",
		Source:  "MoD (arXiv 2411.00406); CombLM (Ormazabal et al., EMNLP 2023); DaWin (Oh et al., ICLR 2025); Fan et al., On Giant's Shoulders (arXiv 2406.15480)",
		Example: "op: evaluate.combine\nmodels: [{model: sums, weight: 0.6}, lists]\ndata: held\n",
		Check:   (*combine).check,
		Score: &ops.ScoreKernel[combine]{
			Check: func(p *combine, in []ops.Header, data []*ops.Data) error {
				if err := oneVocabulary(in); err != nil {
					return err
				}
				for _, d := range data {
					if err := checkTexts(in, d, p.Protocol, 0); err != nil {
						return err
					}
				}
				return nil
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

// check holds keys to what the way of combining makes of them.
func (p *combine) check() []schema.Problem {
	fits, dynamic := p.How == "fitted" || p.How == "gated", p.How == "dynamic"
	var out []schema.Problem
	bad := func(wrong bool, path, msg, cure string) {
		if wrong {
			out = append(out, schema.Problem{Path: path, Msg: msg, Cure: cure})
		}
	}
	weighs, own := false, false
	for _, m := range p.Models {
		weighs, own = weighs || m.Weight > 0, own || m.Weight != 1
	}
	models := make([]schema.Ref, len(p.Models))
	for i, m := range p.Models {
		models[i] = m.Model
	}
	out = append(out, twice(models)...)
	for _, m := range append([]weighted{{Model: p.Base}}, p.Models...) {
		if m.Model.Name == allModels {
			out = append(out, schema.Problem{Pos: m.Model.Pos, Path: "models", Msg: "the metrics of all models together go by the name " + allModels, Cure: "give the model another name"})
		}
	}
	bad(!weighs, "models", "all weights are 0", "give one a weight")
	bad(own && weighs && (fits || dynamic), "models", "weights mean nothing for how: "+p.How, "remove them")
	bad(fits && p.Fit.Name == "", "fit", "how: "+p.How+" fits weights to texts", "say fit: DATA")
	bad(!fits && p.Fit.Name != "", "fit", "how: "+p.How+" fits nothing", "remove it, or say how: fitted")
	bad(dynamic && p.Base.Name == "", "base", "how: dynamic takes what experts differ by from a base", "say base: MODEL")
	bad(!dynamic && p.Base.Name != "", "base", "how: "+p.How+" has no base", "remove it, or say how: dynamic")
	bad(p.Over == "window" && p.How != "entropy", "over", "how: "+p.How+" has no weights by window", "remove it, or say how: entropy")
	return out
}

func runCombine(ctx context.Context, p *combine, x *ops.Trial) (ops.Result, error) {
	models, err := openAll(x)
	if err != nil {
		return ops.Result{}, err
	}
	t, err := p.read(ctx, x, models, x.Data[0])
	if err != nil {
		return ops.Result{}, err
	}
	var fit *taken
	if p.Fit.Name != "" {
		if fit, err = p.read(ctx, x, models, x.Data[1]); err != nil {
			return ops.Result{}, err
		}
	}
	if p.mixes() {
		p.mix(t, fit, x.Seed, models[0].vocab)
	}
	return t.result(models[0].tokens.Digest()), nil
}

// columnOf names the likelihoods of the combination, 0, and of each model.
func columnOf(k int) string { return fmt.Sprintf("nll %d", k) }

// shareOf names the weights of a model.
func shareOf(k int) string { return fmt.Sprintf("share %d", k) }

// result adds places up by window, in their order.
func (t *taken) result(tokenizer string) ops.Result {
	r := ops.Result{Items: map[string][]float64{"tokens": make([]float64, t.windows)}, Notes: map[string]string{"tokenizer": tokenizer, "length": fmt.Sprint(t.length), "bytes": fmt.Sprint(t.bytes)}}
	add := func(name string, of func(place) float64) {
		column := make([]float64, t.windows)
		for _, at := range t.places {
			column[at.sequence] += of(at)
		}
		r.Items[name] = column
	}
	add("tokens", func(place) float64 { return 1 })
	add(columnOf(0), func(at place) float64 { return at.nll })
	for k := range t.places[0].own {
		add(columnOf(k+1), func(at place) float64 { return at.own[k] })
	}
	for k := range t.places[0].shares {
		add(shareOf(k), func(at place) float64 { return at.shares[k] })
	}
	sum, n := total(r.Items[columnOf(0)]), float64(len(t.places))
	r.Values = map[string]float64{"nll": sum / n, "perplexity": math.Exp(sum / n), "bits_per_byte": sum / math.Ln2 / float64(t.bytes), "tokens": n, "windows": float64(t.windows)}
	return r
}

func finishCombine(p *combine, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
	r := results[0]
	tokens := r.Items["tokens"]
	n := total(tokens)
	how := p.How
	if p.Over == "window" {
		how += " by window"
	}
	m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: "combine 2, " + how + ", " + protocolOf(p.Protocol).name + ", length " + r.Notes["length"] + tokenizers(in[:1], results)}
	for i, h := range in {
		nll := total(r.Items[columnOf(i+1)]) / n
		m.Values[h.Name] = map[string]float64{"nll": nll, "perplexity": math.Exp(nll)}
		if shares := r.Items[shareOf(i)]; shares != nil {
			m.Values[h.Name]["share"] = total(shares) / n
		}
	}
	compareItems(r.Values, "nll", seed, map[string][]float64{"nll": r.Items[columnOf(1)]}, map[string][]float64{"nll": r.Items[columnOf(0)]}, tokens)
	m.Values[allModels] = r.Values
	return m, nil
}
