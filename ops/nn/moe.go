package nn

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

// moe is the weights of a layer with experts, each of which is an ffn.
type moe struct {
	norm, post  *norm
	router      *matrix
	experts     []*ffn
	active      int
	renormalize bool
}

func headName(name string, h int) string {
	return strings.ReplaceAll(name, "{h}", strconv.Itoa(h))
}

// moe reads the experts of a layer, or returns nil for a layer without.
func (p *part) moe(a *Arch, l layer) *moe {
	f := p.f.MoE
	if f == nil || !l.moe {
		return nil
	}
	t := &moe{active: a.Active, renormalize: a.renormalize, experts: make([]*ffn, a.Experts)}
	t.norm, t.post = p.ffnNorms(a)
	t.router = p.linear(f.Router, a.Hidden, a.Experts, false)
	if fused, ok := p.find(p.all(p.i, f.GateUp, "")...); ok {
		p.fusedExperts(a, t, fused)
		return t
	}
	for e := range t.experts {
		name := func(s string) string { return strings.ReplaceAll(s, "{e}", strconv.Itoa(e)) }
		t.experts[e] = &ffn{
			act: a.act, width: a.FFN,
			gate: p.linear(name(f.Gate), a.Hidden, a.FFN, false), up: p.linear(name(f.Up), a.Hidden, a.FFN, false),
			down: p.linear(name(f.Down), a.FFN, a.Hidden, false),
		}
	}
	return t
}

// fusedExperts cuts the experts out of the two tensors that hold all of them.
func (p *part) fusedExperts(a *Arch, t *moe, gateUp tensor.Tensor) {
	down, ok := p.find(p.all(p.i, p.f.MoE.DownAt, "")...)
	if !ok {
		p.fail(fmt.Errorf("tensor %s is missing", p.all(p.i, p.f.MoE.DownAt, "")[0]))
		return
	}
	ups, downs := p.stack(gateUp, a.Experts, 2*a.FFN, a.Hidden), p.stack(down, a.Experts, a.Hidden, a.FFN)
	if p.err != nil {
		return
	}
	for e := range t.experts {
		t.experts[e] = &ffn{act: a.act, width: a.FFN, gateUp: ups[e], down: downs[e]}
	}
}

// stack reads a tensor of n matrices out x in.
func (p *part) stack(t tensor.Tensor, n, out, in int) []*matrix {
	info := t.Info()
	if want := (tensor.Shape{n, out, in}); !info.Shape.Equal(want) {
		p.fail(shapeError(info, want))
		return nil
	}
	whole := &matrix{name: info.Name, in: in, out: out}
	if err := p.fill(whole, t); err != nil {
		p.fail(err)
		return nil
	}
	all := make([]*matrix, n)
	for e := range all {
		one := *whole
		at := e * out * in
		one.span(at, at+out*in)
		all[e] = &one
	}
	return all
}

// route is what a router chose for one row.
type route struct {
	expert int
	weight float32
}

// choose picks the experts of a row out of the router's logits, which become
// probabilities: the largest, of equal ones the first, in ascending order of
// their number.
func (t *moe) choose(logits []float32, to []route) {
	kernel.Softmax(logits, logits)
	taken := make([]bool, len(logits))
	for range t.active {
		best := -1
		for e, p := range logits {
			if !taken[e] && (best < 0 || p > logits[best]) {
				best = e
			}
		}
		taken[best] = true
	}
	sum := float32(0)
	to = to[:0]
	for e, ok := range taken {
		if ok {
			to = append(to, route{e, logits[e]})
			sum += logits[e]
		}
	}
	if t.renormalize {
		for i := range to {
			to[i].weight /= sum
		}
	}
}
