package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type crowd struct {
	Base   Ref      `yaml:"base"`
	Models []member `yaml:"models" check:"min=2"`
	Extra  []member `yaml:"extra" check:"optional"`
}

type member struct {
	Model  Ref     `yaml:"model"`
	Weight float64 `yaml:"weight"`
}

// TestWithout: items that name a model which goes are gone, in a copy; where
// one cannot go, there are no params.
func TestWithout(t *testing.T) {
	ref := func(name string) Ref { return Ref{Name: name} }
	p := &crowd{Base: ref("base"), Models: []member{{ref("a"), 1}, {ref("b"), 2}, {ref("c"), 3}}, Extra: []member{{ref("d"), 4}}}
	drop := func(list ...int) func(int) bool {
		return func(i int) bool {
			for _, k := range list {
				if i == k {
					return true
				}
			}
			return false
		}
	}
	got := Without(p, drop(2))
	want := &crowd{Base: ref("base"), Models: []member{{ref("a"), 1}, {ref("c"), 3}}, Extra: []member{{ref("d"), 4}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(p.Models) != 3 {
		t.Error("the params themselves were cut")
	}
	for name, list := range map[string][]int{"the base": {0}, "below the least": {1, 2}, "the last of a list": {4}} {
		if got := Without(p, drop(list...)); got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
