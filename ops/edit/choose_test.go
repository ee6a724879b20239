package edit

import (
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
)

func chosen(t *testing.T, params string, models ...opstest.Model) opstest.Model {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("edit.choose")
	out, err := opstest.Apply(op, opstest.Decode(t, op, params), 0, opstest.Order{}, models...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestChoose: the first model whose where holds gives the tensor, one that no
// model gives is left out, and a base gives none.
func TestChoose(t *testing.T) {
	a, b := opstest.Random(1), opstest.Random(2)
	out := chosen(t, `{base: a, models: [{model: b, where: "layer == 1"}, {model: a, where: "depth < 0.5"}, {model: b, where: "layer >= 0"}]}`, a, b, a, b)
	if len(out) != len(a) {
		t.Fatalf("%d tensors, want %d", len(out), len(a))
	}
	for i, m := range out {
		from := a
		if strings.Contains(m.Info.Name, ".1.") {
			from = b
		}
		if m.Info.Name != a[i].Info.Name || !slices.Equal(m.Data, from.Find(m.Info.Name)) {
			t.Errorf("tensor %d is %s, not as in its model", i, m.Info.Name)
		}
	}
	for _, m := range chosen(t, `{models: [{model: a, where: "layer == 0"}]}`, a) {
		if !strings.Contains(m.Info.Name, ".0.") {
			t.Errorf("%s was not chosen", m.Info.Name)
		}
	}
}
