package moe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/linalg"
)

// runs says whether routers are made of hidden states, which a run of the base
// over the prompts yields. Several names for the last token are mergekit's.
func (p *fromDense) runs() bool {
	return p.GateMode == "hidden" || p.GateMode == "hidden_avg" || p.GateMode == "hidden_last"
}

// prompted says whether routers are made of prompts.
func (p *fromDense) prompted() bool { return p.GateMode == "cheap_embed" || p.runs() }

// routed lists the experts that a router tells apart, and behind them a shared
// one that has a gate.
func (p *fromDense) routed() []expert {
	list := p.Experts[:len(p.Experts):len(p.Experts)]
	for _, e := range p.Shared {
		if e.prompted() {
			list = append(list, e)
		}
	}
	return list
}

func studyPorts(p *fromDense) []int {
	if p.runs() {
		return []int{0}
	}
	return nil
}

// runnable refuses a base that cannot be run over the prompts, by its config.
func (p *fromDense) runnable(base ops.Header) error {
	if len(base.Config) == 0 {
		return fmt.Errorf("gate_mode: %s runs %s over the prompts, and it has no config.json: name the directory that holds it, or use gate_mode: cheap_embed", p.GateMode, base.Name)
	}
	a, err := nn.Parse(base.Config)
	if err != nil {
		return fmt.Errorf("gate_mode: %s runs %s over the prompts: %w", p.GateMode, base.Name, err)
	}
	if err := p.inVocabulary(a.Vocab); err != nil {
		return err
	}
	for i, e := range p.routed() {
		for _, prompts := range [][][]int{e.PositiveTokens, e.NegativeTokens} {
			for j, ids := range prompts {
				if len(ids) == 0 || len(ids) > a.Positions {
					return fmt.Errorf("prompt %d of expert %d has %d tokens, and %s takes from 1 to %d", j+1, i+1, len(ids), base.Name, a.Positions)
				}
			}
		}
	}
	return nil
}

// stretch is the tokens of one prompt in the batch and what they weigh in the
// row of a router.
type stretch struct {
	row         int // of routed
	first, last int // rows of the batch that count
	weight      float64
}

// batch lays all prompts one behind the other.
func (p *fromDense) batch() (batch [][]int32, parts []stretch, rows int) {
	add := func(row int, prompts [][]int, sign float64) {
		for _, ids := range prompts {
			seq := make([]int32, len(ids))
			for i, id := range ids {
				seq[i] = int32(id)
			}
			s := stretch{row, rows, rows + len(ids) - 1, sign / float64(len(prompts))}
			if p.GateMode == "hidden_avg" {
				s.weight /= float64(len(ids))
			} else {
				s.first = s.last
			}
			batch, parts, rows = append(batch, seq), append(parts, s), rows+len(ids)
		}
	}
	for i, e := range p.routed() {
		add(i, e.PositiveTokens, 1)
		add(i, e.NegativeTokens, -1)
	}
	return batch, parts, rows
}

// studyPrompts runs the base over all prompts. What goes into a layer, of the
// positive less that of the negative ones, is the row of its router.
func studyPrompts(ctx context.Context, p *fromDense, x *ops.Trial) (ops.Result, error) {
	base := x.Models[0]
	m, err := nn.Open(base.Weights, base.Config, nn.Options{Workers: x.Workers, Spill: x.Scratch, SpillAbove: x.Memory / 4})
	if err != nil {
		return ops.Result{}, fmt.Errorf("model %s: %w", base.Name, err)
	}
	batch, parts, rows := p.batch()
	if err := affordable(m, batch, rows, x); err != nil {
		return ops.Result{}, err
	}
	a, n := m.Arch(), len(p.routed())
	sums := make([][]float64, a.Layers)
	for l := range sums {
		sums[l] = make([]float64, n*a.Hidden)
	}
	st, err := m.Run(ctx, batch, nn.Hooks{Hidden: func(r nn.Rows) error {
		if into := r.Layer + 1; into < a.Layers {
			gather(sums[into], parts, r)
		}
		return nil
	}})
	if err != nil {
		return ops.Result{}, fmt.Errorf("model %s: %w", base.Name, err)
	}
	found := ops.Result{Items: map[string][]float64{}}
	for l, sum := range sums {
		for i := range n {
			normalise(sum[i*a.Hidden : (i+1)*a.Hidden])
		}
		found.Items[layerItem(l)] = sum
	}
	if err := st.Close(); err != nil {
		return ops.Result{}, err
	}
	return found, warnAlike(ctx, &found, n, a.Hidden)
}

// alike is the condition number of a router above which mergekit-moe warns of it.
const alike = 5

// warnAlike notes the layers whose routers can hardly tell the experts apart.
func warnAlike(ctx context.Context, found *ops.Result, rows, hidden int) error {
	var layers []string
	for l := range len(found.Items) {
		s, err := linalg.SingularValues(ctx, found.Items[layerItem(l)], rows, hidden)
		if err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
		if s[0] > alike*s[len(s)-1] {
			layers = append(layers, fmt.Sprint(l))
		}
	}
	if layers != nil {
		found.Notes = map[string]string{"alike": fmt.Sprintf("routers of layers %s can hardly tell the experts apart, and will send most tokens to few of them: give prompts that are less alike, or negative_prompts", strings.Join(layers, ", "))}
	}
	return nil
}

func layerItem(layer int) string { return fmt.Sprint("layer ", layer) }

// gather adds the rows that count, in their order.
func gather(sums []float64, parts []stretch, r nn.Rows) {
	for _, s := range parts {
		sum := sums[s.row*r.Cols : (s.row+1)*r.Cols]
		for i := max(s.first, r.First); i <= min(s.last, r.First+r.N-1); i++ {
			for j, v := range r.Row(i - r.First) {
				sum[j] += float64(s.weight * float64(v)) // not fused: the same bits everywhere
			}
		}
	}
}

// affordable refuses prompts whose run takes more memory than there is.
func affordable(m *nn.Model, batch [][]int32, rows int, x *ops.Trial) error {
	longest := 0
	for _, seq := range batch {
		longest = max(longest, len(seq))
	}
	states := 4 * int64(rows) * int64(m.Arch().Hidden)
	need := m.Memory(rows, longest)
	if states > x.Memory/4 && x.Scratch != "" {
		need -= states // they lie in a file
	}
	if need > x.Memory {
		return fmt.Errorf("running model %s over the %d tokens of all prompts takes about %s, and the budget leaves %s: raise --memory, or give fewer or shorter prompts",
			x.Models[0].Name, rows, humanize.Bytes(uint64(need)), humanize.Bytes(uint64(x.Memory)))
	}
	return nil
}

// studied fills rows of a router with what the study found. Of a shared
// expert's gate, which has one row, that is the last.
func studied(x *ops.Pass, b *ops.Block) error {
	if x.Found == nil {
		return errors.New("the base was not run over the prompts")
	}
	rows := x.Found.Items[layerItem(int(x.Unit.Args[0]))]
	skip := 0
	if isSharedGate(x.Out().Name) {
		skip = len(rows) - b.Cols
	}
	if len(rows) < skip+b.Start()+len(b.Out) {
		return fmt.Errorf("the run over the prompts has %d numbers for layer %v", len(rows), x.Unit.Args[0])
	}
	for i := range b.Out {
		b.Out[i] = float32(rows[skip+b.Start()+i])
	}
	return nil
}

// study makes the units of a layer's router, and of a shared expert's gate, of
// what the run over the prompts finds.
func (l *built) study(p *fromDense, m mlp) []ops.Unit {
	unit := func(name string, rows int) ops.Unit {
		return ops.Unit{Study: true, Args: []float64{float64(m.number)}, Out: []tensor.Info{{Name: name, DType: m.info.DType, Shape: tensor.Shape{rows, m.hidden()}}}}
	}
	units := []ops.Unit{unit(l.family.router(m.layer), len(p.Experts))}
	if l.family.gated {
		units = append(units, unit(l.family.sharedGate(m.layer), 1))
	}
	return units
}
