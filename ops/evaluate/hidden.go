package evaluate

import (
	"context"
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/schema"
)

type hidden struct {
	Models   []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure; the others' layers are held against those of the first"`
	Data     schema.DataRef `yaml:"data" doc:"texts; their length is that of a window, their samples are windows"`
	Protocol string         `yaml:"protocol" default:"begin" check:"enum=begin|hf-stride|llama.cpp|gptq|rolling" doc:"how texts are cut; all tokens of a window count"`
}

func init() {
	ops.Add(&Set, ops.Spec[hidden]{
		Name: "evaluate.hidden", Version: 1,
		Metrics: "influence_* similarity_* least_influential tokens",
		Summary: "Measures what each layer does to the hidden states, and how far they are from another model's.",
		Doc: "For every model and layer l, over all tokens: influence_l = 1 - mean cosine of the hidden states before and behind the layer (block influence: a layer near 0 can be dropped), and least_influential, the layer with the smallest. " +
			"For every model but the first, if both have one tokenizer, layers and hidden size: similarity_l, the mean cosine of its hidden states behind layer l with those of the first model's. tokens counts them.",
		Source:  "Men et al., ShortGPT (arXiv 2403.03853)",
		Example: "op: evaluate.hidden\nmodels: [base, pruned]\ndata: held\n",
		Check:   func(p *hidden) []schema.Problem { return twice(p.Models) },
		Score: &ops.ScoreKernel[hidden]{
			Check: func(p *hidden, in []ops.Header, data []*ops.Data) error {
				return checkTexts(in, data[0], p.Protocol, 0)
			},
			Runs: func(_ *hidden, ports int) [][]int {
				return append([][]int{{0}}, againstFirst(&hidden{}, ports)...)
			},
			Run: runHidden,
			Finish: func(p *hidden, in []ops.Header, _ uint64, results []ops.Result) (ops.Metrics, error) {
				m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: "hidden 1, " + protocolOf(p.Protocol).name + ", length " + results[0].Notes["length"] + tokenizers(in, results)}
				for i, r := range results {
					m.Values[in[i].Name] = r.Values
				}
				return m, nil
			},
		},
	})
}

// runHidden looks at one model alone, or at a later one beside the first.
func runHidden(ctx context.Context, p *hidden, x *ops.Trial) (ops.Result, error) {
	models, err := openAll(x)
	if err != nil {
		return ops.Result{}, err
	}
	s := models[len(models)-1]
	windows, length, err := s.windows(x.Data[0], protocolOf(p.Protocol), 0)
	if err != nil {
		return ops.Result{}, err
	}
	all := make([]sequence, len(windows))
	for i, w := range windows {
		all[i] = w.sequence
	}
	if err := s.layersFit(x.Data[0], all, x.Memory/int64(len(models))); err != nil {
		return ops.Result{}, err
	}
	var c cosines
	if err := c.take(ctx, models[0], s, all); err != nil {
		return ops.Result{}, err
	}
	return ops.Result{Values: c.values(), Notes: map[string]string{"tokenizer": s.tokens.Digest(), "length": fmt.Sprint(length)}}, nil
}

// layered says whether two models can be held against each other layer by layer.
func (s *subject) layered(first *subject) bool {
	a, b := s.model.Arch(), first.model.Arch()
	return s != first && a.Hidden == b.Hidden && a.Layers == b.Layers && s.tokens.Digest() == first.tokens.Digest()
}

// cosines are sums over tokens, by layer: of the states before and behind it,
// and of those behind it in two models.
type cosines struct {
	moved, alike []float64
	tokens       int
}

// take runs a model over sequences, and the first beside it if they compare. Of
// every token the states behind all layers are held, of both models.
func (c *cosines) take(ctx context.Context, first, s *subject, all []sequence) error {
	a, with := s.model.Arch(), s.layered(first)
	s.batch = max(s.held/(2*(a.Layers+1)), 1)
	return s.inBatches(all, func(_ int, some []sequence) error {
		own, err := s.layers(ctx, some)
		if err != nil {
			return err
		}
		c.tokens += len(own[0]) / a.Hidden
		c.moved = addCosines(c.moved, own[:a.Layers], own[1:], a.Hidden)
		if !with {
			return nil
		}
		others, err := first.layers(ctx, some)
		if err == nil {
			c.alike = addCosines(c.alike, others[1:], own[1:], a.Hidden)
		}
		return err
	})
}

// values are the metrics.
func (c *cosines) values() map[string]float64 {
	v, n := map[string]float64{"tokens": float64(c.tokens)}, float64(c.tokens)
	least := math.Inf(1)
	for l, sum := range c.moved {
		influence := 1 - sum/n
		v[fmt.Sprintf("influence_%d", l)] = influence
		if influence < least {
			least, v["least_influential"] = influence, float64(l)
		}
	}
	for l, sum := range c.alike {
		v[fmt.Sprintf("similarity_%d", l)] = sum / n
	}
	return v
}

// layersFit refuses windows whose hidden states behind all layers are more than
// the memory: they go to no file.
func (s *subject) layersFit(d *ops.Data, all []sequence, memory int64) error {
	a, longest := s.model.Arch(), 0
	for _, q := range all {
		longest = max(longest, len(q.ids))
	}
	row := int64(4 * a.Hidden * (a.Layers + 1))
	if need := row * int64(longest); need > memory {
		return d.Errorf("the hidden states behind all layers of model %s take %s for a window of %d tokens, and the budget leaves %s: raise --memory, or say length: %d or less",
			s.name, humanize.Bytes(uint64(need)), longest, humanize.Bytes(uint64(memory)), max(memory/row-1, 1))
	}
	return nil
}

// layers returns the hidden states behind the embedding and behind each layer,
// row by row.
func (s *subject) layers(ctx context.Context, some []sequence) ([][]float32, error) {
	out := make([][]float32, s.model.Arch().Layers+1)
	states, err := s.run(ctx, some, nn.Hooks{Hidden: func(r nn.Rows) error {
		for i := range r.N {
			out[r.Layer+1] = append(out[r.Layer+1], r.Row(i)...)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return out, states.Close()
}

// addCosines adds to each layer's sum the cosines of its rows, one by one, so
// that the cut into batches changes nothing.
func addCosines(sums []float64, a, b [][]float32, width int) []float64 {
	if sums == nil {
		sums = make([]float64, len(a))
	}
	for l := range a {
		for at := 0; at < len(a[l]); at += width {
			sums[l] += cosine(a[l][at:at+width], b[l][at:at+width])
		}
	}
	return sums
}
