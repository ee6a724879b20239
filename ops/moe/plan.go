package moe

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// mlp is a matrix of a dense MLP.
type mlp struct {
	info   tensor.Info
	layer  string // what stands before ".mlp.": "model.layers.3"
	number int
	kind   tensor.Kind
}

// mlps lists the base's MLPs and refuses what an expert cannot have.
func mlps(base ops.Header) ([]mlp, error) {
	var list []mlp
	for _, info := range base.Infos {
		role := base.Roles.Role(info.Name, info.Shape)
		layer, _, ok := strings.Cut(info.Name, ".mlp.")
		if role.Layer < 0 || !ok {
			continue
		}
		if _, known := projections[role.Kind]; !known || len(info.Shape) != 2 {
			return nil, fmt.Errorf("%s: an expert consists of a gate, an up and a down projection without biases, and this is %s", info.Name, role.Kind)
		}
		list = append(list, mlp{info, layer, role.Layer, role.Kind})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no dense MLPs (tensors such as model.layers.0.mlp.up_proj.weight)", base.Name)
	}
	return list, nil
}

// hidden is the width of the stream that the MLP reads and writes.
func (m mlp) hidden() int {
	if m.kind == tensor.MLPDown {
		return m.info.Shape[0]
	}
	return m.info.Shape[1]
}

// source is one expert's matrix: where it comes from and what it will be.
type source struct {
	name string // in the result
	from ops.Operand
	info tensor.Info // as it is
	want tensor.Info // as it must be: the base's dtype
	same bool        // it is taken as it is
}

// built is the layout of the result.
type built struct {
	family  family
	mlps    []mlp
	sources []source
}

// layOut finds every expert's matrices.
func layOut(p *fromDense, in []ops.Header) (*built, error) {
	f, err := choose(p, in)
	if err != nil {
		return nil, err
	}
	list, err := mlps(in[0])
	if err != nil {
		return nil, err
	}
	l := &built{family: f, mlps: list}
	var bad []string
	for _, m := range list {
		for port, h := range in[1:] {
			name := f.expert(m.layer, port, m.kind)
			if port >= len(p.Experts) {
				name = f.sharedExpert(m.layer, m.kind)
			}
			info, ok := h.Info(m.info.Name)
			switch {
			case !ok:
				bad = append(bad, fmt.Sprintf("%s: %s has no such tensor", m.info.Name, h.Name))
			case !info.Shape.Equal(m.info.Shape):
				bad = append(bad, fmt.Sprintf("%s: %v in %s, %v in %s", m.info.Name, m.info.Shape, in[0].Name, info.Shape, h.Name))
			}
			e := p.of(port + 1)
			want := tensor.Info{Name: name, DType: m.info.DType, Shape: m.info.Shape}
			l.sources = append(l.sources, source{name: name, from: ops.Operand{Port: port + 1, Name: m.info.Name}, info: info, want: want,
				same: e.NoiseScale == 0 && e.scale(m.kind) == 1 && info.DType == want.DType && info.Quant == nil})
		}
	}
	bad = append(bad, beyond(in)...)
	if len(bad) > 0 {
		return nil, fmt.Errorf("%d tensors of the experts do not fit the base (are all of one size?):\n  %s", len(bad), strings.Join(bad[:min(5, len(bad))], "\n  "))
	}
	return l, nil
}

// beyond lists MLPs of experts that the base has no place for: dropping them in
// silence would lose layers.
func beyond(in []ops.Header) []string {
	var bad []string
	for _, h := range in[1:] {
		for _, info := range h.Infos {
			if _, has := in[0].Info(info.Name); !has && strings.Contains(info.Name, ".mlp.") {
				bad = append(bad, fmt.Sprintf("%s: %s has no such tensor, %s does", info.Name, in[0].Name, h.Name))
			}
		}
	}
	return bad
}

// fromDensePlan makes units of what is computed; the rest is carried.
func fromDensePlan(p *fromDense, in []ops.Header) ([]ops.Unit, error) {
	l, err := layOut(p, in)
	if err != nil {
		return nil, err
	}
	if err := p.encode(in[0]); err != nil {
		return nil, err
	}
	units, err := l.routers(p, in[0])
	if err != nil {
		return nil, err
	}
	biases, err := l.biases(in[0])
	if err != nil {
		return nil, err
	}
	units = append(units, biases...)
	for _, s := range l.sources {
		if !s.same {
			units = append(units, ops.Unit{In: []ops.Operand{s.from}, Out: []tensor.Info{s.want}})
		}
	}
	return units, nil
}

// routers makes one router a layer, and the gate of a shared expert.
func (l *built) routers(p *fromDense, base ops.Header) ([]ops.Unit, error) {
	var in []ops.Operand
	if p.GateMode == "cheap_embed" {
		embed, err := embedding(base)
		if err != nil {
			return nil, err
		}
		if err := p.inVocabulary(embed.Shape[0]); err != nil {
			return nil, err
		}
		in = []ops.Operand{{Port: 0, Name: embed.Name}}
	}
	if p.runs() {
		if err := p.runnable(base); err != nil {
			return nil, err
		}
	}
	var units []ops.Unit
	seen := map[string]bool{}
	for _, m := range l.mlps {
		if seen[m.layer] {
			continue
		}
		seen[m.layer] = true
		if p.runs() {
			units = append(units, l.study(p, m)...)
			continue
		}
		units = append(units, ops.Unit{In: in, Out: []tensor.Info{{Name: l.family.router(m.layer), DType: m.info.DType, Shape: tensor.Shape{len(p.Experts), m.hidden()}}}})
		if l.family.gated {
			units = append(units, ops.Unit{In: in, Out: []tensor.Info{{Name: l.family.sharedGate(m.layer), DType: m.info.DType, Shape: tensor.Shape{1, m.hidden()}}}})
		}
	}
	return units, nil
}

// biases adds zeros where the family has biases that the base lacks, and
// refuses those that the family lacks.
func (l *built) biases(base ops.Header) ([]ops.Unit, error) {
	var units []ops.Unit
	for _, info := range base.Infos {
		role := base.Roles.Role(info.Name, info.Shape)
		qkv := role.Kind == tensor.AttnQ || role.Kind == tensor.AttnK || role.Kind == tensor.AttnV
		stem, weight := strings.CutSuffix(info.Name, ".weight")
		switch {
		case role.Layer >= 0 && role.Kind == tensor.Bias && !l.family.takes(info.Name):
			return nil, fmt.Errorf("%s: attention of %s has no such bias, so the model cannot become one", info.Name, l.family.name)
		case !l.family.qkv || !qkv || !weight || len(info.Shape) != 2:
			continue
		}
		if _, has := base.Info(stem + ".bias"); !has {
			units = append(units, ops.Unit{In: []ops.Operand{{Port: 0, Name: info.Name}}, Out: []tensor.Info{{Name: stem + ".bias", DType: info.DType, Shape: tensor.Shape{info.Shape[0]}}}})
		}
	}
	return units, nil
}

// takes says whether attention of the family may have a bias of that name.
func (f family) takes(bias string) bool {
	return f.bias || f.qkv && !strings.Contains(bias, "o_proj")
}

// fromDenseCarry passes on the base without its MLPs, and experts as they are.
func fromDenseCarry(p *fromDense, in []ops.Header) ([]ops.Pick, error) {
	l, err := layOut(p, in)
	if err != nil {
		return nil, err
	}
	dense := map[string]bool{}
	for _, m := range l.mlps {
		dense[m.info.Name] = true
	}
	var picks []ops.Pick
	for _, info := range in[0].Infos {
		if !dense[info.Name] {
			picks = append(picks, ops.Pick{Name: info.Name, From: ops.Operand{Port: 0, Name: info.Name}})
		}
	}
	for _, s := range l.sources {
		if s.same {
			picks = append(picks, ops.Pick{Name: s.name, From: s.from})
		}
	}
	return picks, nil
}
