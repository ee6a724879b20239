package ops

import (
	"strings"
	"testing"
)

// TestIncomplete: an op that lacks a part of its Spec is refused by the name of
// that part, which is what its author has to add.
func TestIncomplete(t *testing.T) {
	whole := Op{Name: "prune.some", Version: 1, Summary: "s", Doc: "d", Source: "s", Example: "e"}
	for want, lack := range map[string]func(*Op){
		"":                  func(*Op) {},
		"family.method":     func(o *Op) { o.Name = "Prune" },
		"no version":        func(o *Op) { o.Version = 0 },
		"has no Summary in": func(o *Op) { o.Summary = "" },
		"has no Doc in":     func(o *Op) { o.Doc = "" },
		"has no Source in":  func(o *Op) { o.Source = "" },
		"has no Example in": func(o *Op) { o.Example = "" },
	} {
		op := whole
		lack(&op)
		_, err := NewRegistry(&Set{specs: []func() (*Op, error){func() (*Op, error) { return &op, nil }}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
