package adapter

import (
	"fmt"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

// What a unit of merge does; its first Arg. The scales of the adapters follow.
const (
	combine float64 = iota
	carry           // a tensor that one adapter saves whole
)

func mergePlan(p *merge, in []ops.Header) ([]ops.Unit, error) {
	plan := merging{p: p, saved: map[string]int{}}
	for port, h := range in {
		l, err := layoutOf(h)
		if err != nil {
			return nil, err
		}
		plan.layouts = append(plan.layouts, l)
		plan.names = append(plan.names, h.Name)
		plan.check(port)
	}
	plan.rank = p.Rank
	if p.Rank == 0 {
		plan.rank = plan.largest()
	}
	done := map[string]bool{}
	for _, l := range plan.layouts {
		for _, m := range l.Modules {
			if !done[m.Name] {
				done[m.Name] = true
				plan.module(m)
			}
		}
	}
	plan.carried()
	return plan.units, misfits(plan.bad, "the adapters cannot be merged by "+p.Method)
}

// merging gathers the units of one merge.
type merging struct {
	p       *merge
	layouts []*lora.Layout
	names   []string
	rank    int            // of the svd methods
	saved   map[string]int // whole tensors -> the port that has them
	units   []ops.Unit
	bad     []string
}

func (g *merging) largest() (rank int) {
	for _, l := range g.layouts {
		for _, m := range l.Modules {
			rank = max(rank, m.Rank)
		}
	}
	return rank
}

func (g *merging) say(format string, args ...any) {
	g.bad = append(g.bad, fmt.Sprintf(format, args...))
}

// check looks for what cannot be merged in one adapter by itself.
func (g *merging) check(port int) {
	l := g.layouts[port]
	for _, m := range l.Modules {
		switch {
		case m.Magnitude != nil:
			g.say("%s: %s is DoRA, whose magnitudes belong to one adapter alone: add it to its base with adapter.apply, and merge models", m.Name, g.names[port])
		case m.Bias != nil:
			g.say("%s: %s has a bias in lora_B: add it to its base with adapter.apply, and merge models", m.Name, g.names[port])
		case l.Config.FanInFanOut != g.layouts[0].Config.FanInFanOut && !m.Embedding && m.In == m.Out:
			g.say("%s: fan_in_fan_out differs between %s and %s", m.Name, g.names[0], g.names[port])
		}
	}
	if g.p.Models[port].leftOut() {
		return
	}
	for _, s := range l.Saved {
		if other, ok := g.saved[s.Name]; ok {
			g.say("%s: both %s and %s save it whole, and whole tensors are not merged: leave it out with where, extract with others: leave, or merge models", s.Name, g.names[other], g.names[port])
			continue
		}
		g.saved[s.Name] = port
	}
}

// module plans one module of all adapters that have it.
func (g *merging) module(first lora.Module) {
	var parts []lora.Module
	u := ops.Unit{Args: []float64{combine}}
	from := -1
	for port, l := range g.layouts {
		m, ok := l.Module(first.Name)
		if !ok {
			continue
		}
		if from < 0 {
			from = port
		}
		switch {
		case m.In != first.In || m.Out != first.Out || m.Embedding != first.Embedding:
			g.say("%s: %d x %d in %s, %d x %d in %s: they were made for different bases", m.Name, first.Out, first.In, g.names[from], m.Out, m.In, g.names[port])
			return
		case m.Rank != first.Rank && !g.p.svd() && g.p.Method != "cat":
			g.say("%s: rank %d in %s, %d in %s, and %s takes one rank: svd, cat and the *_svd methods take any", m.Name, first.Rank, g.names[from], m.Rank, g.names[port], g.p.Method)
			return
		}
		parts = append(parts, m)
		u.In = append(u.In, ops.Operand{Port: port, Name: m.A.Name}, ops.Operand{Port: port, Name: m.B.Name})
		u.Args = append(u.Args, m.Scale)
	}
	if port, ok := g.saved[first.Name+".weight"]; ok {
		g.say("%s: %s has factors for it and %s saves it whole", first.Name, g.names[from], g.names[port])
		return
	}
	rank := g.rankOf(parts)
	a, b := shape(first.A.Shape, 0, rank), shape(first.B.Shape, 1, rank)
	u.Out = []tensor.Info{
		{Name: lora.Name{Module: first.Name, Part: lora.A, Embedding: first.Embedding}.String(), DType: first.A.DType, Shape: a},
		{Name: lora.Name{Module: first.Name, Part: lora.B, Embedding: first.Embedding}.String(), DType: first.B.DType, Shape: b},
	}
	g.units = append(g.units, u)
}

// shape is a factor's with another rank.
func shape(s tensor.Shape, dim, rank int) tensor.Shape {
	out := slices.Clone(s)
	out[dim] = rank
	return out
}

func (g *merging) rankOf(parts []lora.Module) int {
	sum := 0
	for _, m := range parts {
		sum += m.Rank
	}
	switch {
	case g.p.dense():
		return min(g.rank, parts[0].In, parts[0].Out)
	case g.p.svd():
		return min(g.rank, sum, parts[0].In, parts[0].Out)
	case g.p.Method == "cat":
		return sum
	}
	return parts[0].Rank
}

// carried plans the tensors that one adapter saves whole.
func (g *merging) carried() {
	for port, l := range g.layouts {
		for _, s := range l.Saved {
			if from, ok := g.saved[s.Name]; !ok || from != port {
				continue
			}
			g.units = append(g.units, ops.Unit{Args: []float64{carry}, In: []ops.Operand{{Port: port, Name: s.Info.Name}},
				Out: []tensor.Info{{Name: s.Info.Name, DType: s.Info.DType, Shape: s.Info.Shape}}})
		}
	}
}
