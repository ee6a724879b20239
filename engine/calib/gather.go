package calib

import (
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// input names an input within a model.
type input struct {
	layer  int
	name   string
	expert int
}

// gathering is the sums of the layer at hand.
type gathering struct {
	job     *Job
	samples int
	rows    int // tokens of all samples
	layers  int
	last    int // layer that something is wanted of
	at      map[input]int
	sums    []*Gathered // by linear; nil outside the layer at hand
	ended   int         // layers that are done
	blocks  *comparing
	grams   map[int][][]float64 // of layers that are done, by size, for the next
}

func newGathering(j *Job, a *nn.Arch, batch [][]int32) *gathering {
	g := &gathering{job: j, samples: len(batch), rows: len(batch) * len(batch[0]), layers: a.Layers, last: -1,
		at: map[input]int{}, sums: make([]*Gathered, len(j.Linears)), grams: map[int][][]float64{}}
	for i, l := range j.Linears {
		g.at[input{l.Layer, l.Name, l.Expert}] = i
		if j.Want[i] != 0 {
			g.last = max(g.last, l.Layer)
		}
	}
	if j.Blocks {
		g.blocks = newComparing(a, g.samples, len(batch[0]), j.workers())
	}
	return g
}

func (j *Job) workers() int {
	if j.Workers > 0 {
		return j.Workers
	}
	return cpu.Cores()
}

func (g *gathering) hooks() nn.Hooks {
	h := nn.Hooks{Input: g.see, Hidden: g.behind}
	if g.job.Replace != nil {
		h.Replace = func(layer int) (tensor.Source, error) { return g.job.Replace(layer) }
	}
	return h
}

// see adds rows of an input to its sums.
func (g *gathering) see(in nn.Input) error {
	i := g.at[input{in.Layer, in.Name, in.Expert}]
	want := g.job.Want[i]
	if want == 0 {
		return nil
	}
	to := g.sums[i]
	if to == nil {
		to = g.begin(i)
	}
	to.Stats.Rows += int64(in.N)
	for _, w := range in.Routes {
		to.Stats.Mass += float64(w)
	}
	g.columns(to.Stats.Columns, in.Rows)
	if want&ops.Gram != 0 {
		gemm.Gram(to.Gram, in.Cols, in.X, in.N, in.Step, g.job.Workers)
	}
	return nil
}

// begin makes the sums of an input.
func (g *gathering) begin(i int) *Gathered {
	l := g.job.Linears[i]
	to := &Gathered{Index: i, Stats: &ops.Stats{Layer: l.Layer, Input: l.Name, Expert: l.Expert, Weights: l.Weights, Samples: g.samples, Seen: int64(g.rows),
		Columns: kernel.NewColumns(l.Width), Transposed: l.Transposed, Tied: l.Tied}}
	if g.job.Want[i]&ops.Gram != 0 {
		to.Gram = g.gram(l.Width * l.Width)
	}
	g.sums[i] = to
	return to
}

// gram returns zeros, in the memory of a layer that is done where there is some:
// fresh memory costs as much as the sums that go into it.
func (g *gathering) gram(n int) []float64 {
	spare := g.grams[n]
	if len(spare) == 0 {
		clear(g.grams) // of a layer with other shapes: never more is held than of the largest
		return make([]float64, n)
	}
	last := spare[len(spare)-1]
	g.grams[n] = spare[:len(spare)-1]
	clear(last)
	return last
}

// columns adds rows, a stripe of the columns to a goroutine.
func (g *gathering) columns(c *kernel.Columns, in nn.Rows) {
	stripe := 4 * kernel.ColumnStep
	spread(g.job.workers(), (in.Cols+stripe-1)/stripe, func(i int) {
		c.Add(in.X, in.N, in.Step, i*stripe, min((i+1)*stripe, in.Cols))
	})
}

// spread runs so many tasks on the workers.
func spread(workers, tasks int, run func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < tasks; i = int(next.Add(1)) - 1 {
			run(i)
		}
	}
	var wait sync.WaitGroup
	for range min(workers, tasks) - 1 {
		wait.Go(work)
	}
	work()
	wait.Wait()
}

// behind sees the hidden states behind a layer, and ends the layer with the last
// of them. A layer that runs again with replaced weights has ended already.
func (g *gathering) behind(r nn.Rows) error {
	if r.Layer >= 0 && g.ended > r.Layer {
		return nil
	}
	if g.blocks != nil {
		g.blocks.see(r)
	}
	if r.Layer < 0 || r.First+r.N < g.rows {
		return nil
	}
	g.ended = r.Layer + 1
	if err := g.end(r.Layer); err != nil {
		return err
	}
	if g.ended > g.last && g.blocks == nil && g.job.Replace == nil && g.ended < g.layers {
		return errEnough
	}
	return nil
}

// head takes the input of the logits' weights, which comes of the last states.
func (g *gathering) head(st *nn.States) error {
	if g.last < g.layers {
		return nil
	}
	if err := st.HeadInput(g.see); err != nil {
		return err
	}
	return g.end(g.layers)
}

// end hands the sums of a layer over and takes their memory back.
func (g *gathering) end(layer int) error {
	var got []Gathered
	for i, l := range g.job.Linears {
		if l.Layer != layer || g.job.Want[i] == 0 {
			continue
		}
		if g.sums[i] == nil {
			g.begin(i) // an expert that no token was sent to
		}
		s := g.sums[i].Stats
		if s.Rows == 0 {
			clear(s.Min)
			clear(s.Max)
		}
		if err := notFinite(s, l.Weights); err != nil {
			return err
		}
		got = append(got, *g.sums[i])
		g.sums[i] = nil
	}
	if got == nil {
		return nil
	}
	err := g.job.Layer(layer, got)
	for _, one := range got {
		if n := len(one.Gram); n > 0 {
			g.grams[n] = append(g.grams[n], one.Gram)
		}
	}
	return err
}
