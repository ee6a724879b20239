package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/schema"
)

// Set collects the ops of one family. Each op adds itself from its own file.
type Set struct {
	// Every start of the program adds all ops, and many commands use none.
	specs []func() (*Op, error)
}

// Add puts an op into its family's set. A bad Spec is reported by NewRegistry.
func Add[P any](s *Set, spec Spec[P]) {
	s.specs = append(s.specs, spec.op)
}

// Registry is an immutable collection of ops.
type Registry struct {
	byName map[string]*Op
	names  []string
}

// isName says whether the text is family.method.
func isName(s string) bool {
	const lower = "abcdefghijklmnopqrstuvwxyz"
	family, method, _ := strings.Cut(s, ".")
	return family != "" && method != "" && strings.Trim(family, lower) == "" && strings.Trim(method, lower+"0123456789_") == ""
}

// NewRegistry joins sets. It refuses two ops of one name and an op without
// name, version, summary, documentation, source or example.
func NewRegistry(sets ...*Set) (*Registry, error) {
	r := &Registry{byName: map[string]*Op{}}
	for _, s := range sets {
		for _, spec := range s.specs {
			op, err := spec()
			if err == nil {
				err = r.add(op)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(r.names)
	return r, nil
}

func (r *Registry) add(op *Op) error {
	switch {
	case !isName(op.Name):
		return fmt.Errorf("op name %q is not family.method in lower case", op.Name)
	case r.byName[op.Name] != nil:
		return fmt.Errorf("two ops are named %s", op.Name)
	case op.Version < 1:
		return fmt.Errorf("op %s has no version", op.Name)
	}
	for _, part := range []struct{ field, text string }{{"Summary", op.Summary}, {"Doc", op.Doc}, {"Source", op.Source}, {"Example", op.Example}} {
		if part.text == "" {
			return fmt.Errorf("op %s has no %s in its Spec", op.Name, part.field)
		}
	}
	r.byName[op.Name] = op
	r.names = append(r.names, op.Name)
	return nil
}

// Names lists the ops in alphabetical order.
func (r *Registry) Names() []string { return slices.Clone(r.names) }

// Op returns the op of that name, or false.
func (r *Registry) Op(name string) (*Op, bool) {
	op, ok := r.byName[name]
	return op, ok
}

// Params returns a new params struct for the op, or false when it is unknown.
func (r *Registry) Params(name string) (any, bool) {
	op, ok := r.byName[name]
	if !ok {
		return nil, false
	}
	return op.New(), true
}

// Check reports what the op's own rules find wrong in decoded params.
func (r *Registry) Check(name string, params any) []schema.Problem {
	if op, ok := r.byName[name]; ok {
		return op.Check(params)
	}
	return nil
}

// Metrics lists what an op measures, and the names beside its models' that it
// files under; nothing when it does not tell.
func (r *Registry) Metrics(name string) (metrics, joint []string) {
	op, ok := r.byName[name]
	if !ok {
		return nil, nil
	}
	return strings.Fields(op.Metrics), strings.Fields(op.Joint)
}

// Measures says whether the op yields metrics and not a model.
func (r *Registry) Measures(name string) bool {
	op, ok := r.byName[name]
	return ok && (op.Measure != nil || op.Score != nil)
}
