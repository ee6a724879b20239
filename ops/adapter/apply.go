package adapter

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

type apply struct {
	Model   schema.Ref   `yaml:"model" previous:"" doc:"base model"`
	Adapter schema.Ref   `yaml:"adapter" doc:"LoRA adapter: a step, or a model that is one"`
	Weight  schema.Curve `yaml:"weight" default:"1" doc:"factor of the adapter's scale"`
}

func init() {
	ops.Add(&Set, ops.Spec[apply]{
		Name: "adapter.apply", Version: 1,
		Summary: "Adds a LoRA adapter to its base.",
		Doc: "W + weight * scale * B A with the scale of the adapter's config (lora_alpha / r, or / sqrt r for rank-stabilised LoRA); a DoRA adapter then brings the norm of each output to its magnitude. Saved modules take the place of the base's, or go the share `weight` of the way. " +
			"For adapters that a step makes; one on disk is cheaper as {path: BASE, adapter: PATH}, which is computed as it is read.",
		Source:   "Hu et al. 2021, LoRA (arXiv:2106.09685); Liu et al. 2024, DoRA (arXiv:2402.09353); PEFT merge_and_unload",
		Example:  "op: adapter.apply\nmodel: base\nadapter: lora\n",
		Adapters: true,
		Plan:     applyPlan,
		Whole:    &ops.WholeKernel[apply]{Scope: ops.Tensor, Memory: applyMemory, Run: applyRun},
	})
}

// What a unit of apply does; its first Arg.
const (
	product float64 = iota // args: transposed, scale
	bias                   // args: scale
	replace
)

func applyPlan(p *apply, in []ops.Header) ([]ops.Unit, error) {
	if in[0].Adapter != nil {
		return nil, fmt.Errorf("%s is an adapter itself: merge adapters with each other with adapter.merge", p.Model.Name)
	}
	layout, err := layoutOf(in[1])
	if err != nil {
		return nil, err
	}
	a := applying{base: in[0], layout: layout, saved: map[string]string{}}
	for _, s := range layout.Saved {
		a.save(s)
	}
	for _, m := range layout.Modules {
		a.module(m)
	}
	return a.units, misfits(a.bad, "the adapter was made for another base")
}

// applying gathers the units of one adapter on one base.
type applying struct {
	base   ops.Header
	layout *lora.Layout
	saved  map[string]string // a base's tensor -> the adapter's in its place
	units  []ops.Unit
	bad    []string
}

// find returns a tensor of the base, or says what is wrong; neither when the
// step's `where` leaves it out.
func (a *applying) find(name string) (tensor.Info, bool) {
	info, ok := a.base.Info(name)
	switch {
	case ok && !info.DType.IsFloat():
		a.bad = append(a.bad, name+": the base has integers there")
		return info, false
	case !ok && !a.base.Left[name]:
		a.bad = append(a.bad, name+": the base has no such tensor")
	}
	return info, ok
}

func (a *applying) save(s lora.Saved) {
	if _, ok := a.base.Info(s.Name); !ok && a.layout.Config.Tied {
		return // a head that is tied to the embedding
	}
	info, ok := a.find(s.Name)
	if !ok {
		return
	}
	if !info.Shape.Equal(s.Info.Shape) {
		a.bad = append(a.bad, fmt.Sprintf("%s: %v in the base, %v in the adapter", s.Name, info.Shape, s.Info.Shape))
		return
	}
	if m, ok := a.layout.Module(module(s.Name)); ok && m.Name+".weight" == s.Name {
		a.saved[s.Name] = s.Info.Name
		return
	}
	a.units = append(a.units, ops.Unit{Out: []tensor.Info{info.Plain()}, Args: []float64{replace},
		In: []ops.Operand{{Port: 0, Name: s.Name}, {Port: 1, Name: s.Info.Name}}})
}

func (a *applying) module(m lora.Module) {
	name := m.Name + ".weight"
	info, ok := a.find(name)
	if !ok {
		return
	}
	transposed, fits := m.Fit(a.layout.Config, info.Shape)
	if !fits {
		a.bad = append(a.bad, fmt.Sprintf("%s: %v in the base, %v x %v in the adapter", name, info.Shape, m.B.Shape, m.A.Shape))
		return
	}
	u := ops.Unit{Out: []tensor.Info{info.Plain()}, Args: []float64{product, 0, m.Scale},
		In: []ops.Operand{{Port: 0, Name: name}, {Port: 1, Name: m.A.Name}, {Port: 1, Name: m.B.Name}}}
	if own, ok := a.saved[name]; ok {
		u.In[0] = ops.Operand{Port: 1, Name: own}
	}
	if transposed {
		u.Args[1] = 1
	}
	if m.Magnitude != nil {
		u.In = append(u.In, ops.Operand{Port: 1, Name: m.Magnitude.Name})
	}
	a.units = append(a.units, u)
	if m.Bias != nil {
		a.bias(m)
	}
}

func (a *applying) bias(m lora.Module) {
	info, ok := a.find(m.Name + ".bias")
	switch {
	case !ok:
	case info.Shape.Numel() != m.Out:
		a.bad = append(a.bad, fmt.Sprintf("%s: %v in the base, %v in the adapter", info.Name, info.Shape, m.Bias.Shape))
	default:
		a.units = append(a.units, ops.Unit{Out: []tensor.Info{info.Plain()}, Args: []float64{bias, m.Scale},
			In: []ops.Operand{{Port: 0, Name: info.Name}, {Port: 1, Name: m.Bias.Name}}})
	}
}

// applyMemory counts transposed factors and the norms of columns.
func applyMemory(_ *apply, x *ops.Pass) int64 {
	if x.Unit.Args[0] != product || x.Unit.Args[1] == 0 {
		return 0
	}
	n := x.In[1].Shape.Numel() + x.In[2].Shape.Numel()
	if len(x.In) > 3 {
		n += x.In[0].Shape.Numel() + 3*x.In[3].Shape.Numel()
	}
	return 4 * int64(n)
}

func applyRun(_ context.Context, p *apply, x *ops.Pass, in, out []ops.Matrix) error {
	dst, args, weight := out[0].Data, x.Unit.Args, p.Weight.Value()
	copy(dst, in[0].Data)
	switch args[0] {
	case replace:
		for i, v := range in[1].Data {
			if dst[i] = v; weight != 1 {
				dst[i] = in[0].Data[i] + float32(float32(weight)*(v-in[0].Data[i]))
			}
		}
		return nil
	case bias:
		for i, v := range in[1].Data {
			dst[i] += float32(float32(args[1]*weight) * v)
		}
		return nil
	}
	a, b := in[1], in[2]
	d := lora.NewDelta(a.Data, b.Data, a.Info.Shape[0], args[2]*weight, args[1] != 0)
	if len(in) > 3 {
		d.Magnitude = in[3].Data
	}
	if d.NeedsFactors() {
		norms, sum := make(lora.Norms, d.Cols), append([]float32{}, dst...)
		d.Scan(norms, sum, 0, len(dst)/d.Cols)
		d.Finish(norms)
	}
	d.Add(dst, 0, len(dst)/d.Cols)
	return nil
}
