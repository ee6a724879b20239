package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
)

// share is the tensors that the same ports of a step have, with params that
// name these ports alone.
type share struct {
	ports  []*node
	params any
	names  map[string]bool // nil: all that the ports have
}

func (s share) has(name string) bool { return s.names == nil || s.names[name] }

// shares cuts a step's tensors up by the ports that have them, as `keys` says.
// Without it there is one share, and the op reports what does not fit.
func (n *node) shares() ([]share, error) {
	switch {
	case n.op.Carry != nil && (n.step.Where != nil || n.step.Keys != recipes.KeysSame):
		return nil, fmt.Errorf("%s takes whole models: remove where and keys", n.op.Name)
	case n.step.Keys == recipes.KeysSame:
		return []share{{ports: n.ports, params: n.step.Params}}, nil
	case n.op.Measure != nil && n.step.Keys == recipes.KeysUnion:
		return nil, errors.New("keys: union is for steps that yield a model: say keys: intersection")
	case n.step.Keys == recipes.KeysIntersection:
		n.common = map[string]bool{}
		for _, c := range n.ports[0].cells {
			if len(n.having(c.info.Name)) == len(n.ports) {
				n.common[c.info.Name] = true
			}
		}
		return []share{{ports: n.ports, params: n.step.Params, names: n.common}}, nil
	}
	return n.union()
}

// having lists the indices of the ports that have a tensor.
func (n *node) having(name string) []int {
	var list []int
	for i, port := range n.ports {
		if port.index[name] != nil {
			list = append(list, i)
		}
	}
	return list
}

// union makes a share of each set of ports, in the order in which its first
// tensor is met. A tensor that one model alone has and that the op cannot take
// alone passes through.
func (n *node) union() ([]share, error) {
	var list []share
	at := map[string]int{} // by the ports
	var bad []string
	for _, port := range n.ports {
		for _, c := range port.cells {
			having := n.having(c.info.Name)
			id := fmt.Sprint(having)
			if _, ok := at[id]; !ok {
				at[id] = len(list)
				list = append(list, n.shareOf(having))
			}
			s := list[at[id]]
			if s.params == nil && len(having) > 1 && !s.names[c.info.Name] {
				bad = append(bad, fmt.Sprintf("%s: %s", c.info.Name, n.lacking(having)))
			}
			s.names[c.info.Name] = true
		}
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("%d tensors are not in a model that %s cannot do without: say keys: intersection, or leave them out with where\n  %s", len(bad), n.op.Name, strings.Join(bad[:min(5, len(bad))], "\n  "))
	}
	var planned []share
	for _, s := range list {
		if s.params != nil {
			planned = append(planned, s)
		}
	}
	return planned, nil
}

// shareOf has nil params when the op cannot do without the other ports.
func (n *node) shareOf(having []int) share {
	s := share{names: map[string]bool{}, params: n.step.Params}
	keep := map[int]bool{}
	for _, i := range having {
		s.ports = append(s.ports, n.ports[i])
		keep[i] = true
	}
	if len(having) < len(n.ports) {
		s.params = schema.Without(n.step.Params, func(i int) bool { return !keep[i] })
	}
	return s
}

func (n *node) lacking(having []int) string {
	var names []string
	for i, port := range n.ports {
		if len(having) > 0 && having[0] == i {
			having = having[1:]
			continue
		}
		names = append(names, port.name)
	}
	return "not in " + strings.Join(names, ", ")
}

// keeps says whether a tensor that no unit touches stays.
func (n *node) keeps(name string) bool { return n.common == nil || n.common[name] }

// sources lists the ports whose untouched tensors pass through.
func (n *node) sources() []*node {
	if n.step.Keys == recipes.KeysUnion {
		return n.ports
	}
	return n.ports[:1]
}
