package recipes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/schema"
)

// needs lists the steps and models that a step follows.
func (s *Step) needs() []string {
	var names []string
	for _, ref := range s.Inputs {
		names = append(names, ref.Name)
	}
	if s.When != nil {
		names = append(names, s.When.Uses()...)
	}
	return names
}

// sorter visits steps depth first.
type sorter struct {
	byName map[string]*Step
	done   map[string]bool
	on     map[string]bool // steps on the way
	trail  []*Step
	sorted []Step
	cycle  []*Step
}

// order sorts the steps so that each follows what it reads, and keeps the
// file's order otherwise. A cycle is a problem that shows its way round.
func (p *parser) order() {
	s := sorter{byName: map[string]*Step{}, done: map[string]bool{}, on: map[string]bool{}}
	for i := range p.r.Steps {
		s.byName[p.r.Steps[i].Name] = &p.r.Steps[i]
	}
	for i := range p.r.Steps {
		if !s.visit(&p.r.Steps[i]) {
			p.circle(s.cycle)
			return
		}
	}
	p.r.Steps = s.sorted
}

func (s *sorter) visit(step *Step) bool {
	if s.done[step.Name] {
		return true
	}
	if s.on[step.Name] {
		s.cycle = s.trail[slices.Index(s.trail, step):]
		return false
	}
	s.on[step.Name] = true
	s.trail = append(s.trail, step)
	for _, need := range step.needs() {
		if next := s.byName[need]; next != nil && !s.visit(next) {
			return false
		}
	}
	s.trail = s.trail[:len(s.trail)-1]
	s.done[step.Name] = true
	s.sorted = append(s.sorted, *step)
	return true
}

func (p *parser) circle(steps []*Step) {
	var names, places []string
	for _, s := range steps {
		names = append(names, s.Name)
		places = append(places, fmt.Sprintf("%s at line %d", s.Name, s.Pos.Line))
	}
	first := steps[0]
	p.problems = append(p.problems, schema.Problem{Pos: first.Pos, Path: "steps." + first.Name,
		Msg:  "steps go round in a circle: " + strings.Join(append(names, first.Name), " -> "),
		Cure: "let one take an earlier model: " + strings.Join(places, ", ")})
}

// unused reports steps and models that nothing uses: most likely a misspelt or
// forgotten name. What a part with problems may have meant counts as used.
func (p *parser) unused() {
	used := p.loose
	for i := range p.r.Steps {
		for _, need := range p.r.Steps[i].needs() {
			used[need] = true
		}
	}
	for _, o := range p.r.Outputs {
		used[o.From.Name] = true
	}
	for name, variants := range p.variants {
		for _, v := range variants {
			used[v] = used[v] || used[name]
		}
	}
	for _, s := range p.r.Steps {
		if !used[s.Name] && !s.Measures {
			p.problems = append(p.problems, schema.Problem{Pos: s.Pos, Path: "steps." + s.Name, Msg: fmt.Sprintf("nothing uses step %q", s.Name), Cure: "write it in outputs, or remove it"})
		}
	}
	for _, m := range p.r.Models {
		if !used[m.Name] {
			p.problems = append(p.problems, schema.Problem{Pos: m.Pos, Path: "models." + m.Name, Msg: fmt.Sprintf("nothing uses model %q", m.Name), Cure: "remove it, or name it in a step"})
		}
	}
	p.unusedData()
}
