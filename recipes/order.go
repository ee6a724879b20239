package recipes

import (
	"fmt"
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

// order sorts the steps so that each follows what it reads, and keeps the
// file's order otherwise. A cycle is a problem that shows its way round.
func (p *parser) order() {
	byName := map[string]*Step{}
	for i := range p.r.Steps {
		byName[p.r.Steps[i].Name] = &p.r.Steps[i]
	}
	done := map[string]bool{}
	var sorted []Step
	var visit func(s *Step, trail []string) bool
	visit = func(s *Step, trail []string) bool {
		if done[s.Name] {
			return true
		}
		for i, name := range trail {
			if name == s.Name {
				way := strings.Join(append(trail[i:], s.Name), " -> ")
				p.problems = append(p.problems, schema.Problem{Pos: s.Pos, Path: "steps." + s.Name, Msg: "steps go round in a circle: " + way, Cure: "break it by naming an earlier model"})
				return false
			}
		}
		for _, need := range s.needs() {
			if next := byName[need]; next != nil && !visit(next, append(trail[:len(trail):len(trail)], s.Name)) {
				return false
			}
		}
		done[s.Name] = true
		sorted = append(sorted, *s)
		return true
	}
	for i := range p.r.Steps {
		if !visit(&p.r.Steps[i], nil) {
			return
		}
	}
	p.r.Steps = sorted
}

// unused reports steps and models that nothing uses: most likely a misspelt or
// forgotten name.
func (p *parser) unused() {
	used := map[string]bool{}
	for i := range p.r.Steps {
		for _, need := range p.r.Steps[i].needs() {
			used[need] = true
		}
	}
	for _, o := range p.r.Outputs {
		used[o.From.Name] = true
	}
	for _, s := range p.r.Steps {
		if !used[s.Name] && !s.Measures {
			p.problems = append(p.problems, schema.Problem{Pos: s.Pos, Path: "steps." + s.Name, Msg: fmt.Sprintf("nothing uses step %q", s.Name), Cure: "write it in outputs, or remove it"})
		}
	}
	for _, m := range p.r.Models {
		if !used[m.Name] {
			p.problems = append(p.problems, schema.Problem{Pos: m.Pos, Path: "models." + m.Name, Msg: fmt.Sprintf("nothing uses model %q", m.Name), Cure: "remove it"})
		}
	}
}
