package resize

import (
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
)

func stackedUp(t *testing.T, params string, models ...opstest.Model) (opstest.Model, error) {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("resize.stack")
	return opstest.Apply(op, opstest.Decode(t, op, params), 0, opstest.Order{}, models...)
}

// TestNamesAndOrder: layers stand in the order of the slices under new numbers,
// the embedding comes from the first model and the last norm from the last.
func TestNamesAndOrder(t *testing.T) {
	a, b := opstest.Random(1), opstest.Random(2)
	out, err := stackedUp(t, "{slices: [{model: a, layers: [1, 2]}, b, {model: a, layers: [0, 1]}]}", a, b, a)
	if err != nil {
		t.Fatal(err)
	}
	type from struct {
		name string
		data []float32
	}
	var want []from
	want = append(want, from{"embed.weight", a.Find("embed.weight")})
	for at, l := range []struct {
		of    opstest.Model
		layer string
	}{{a, "1"}, {b, "0"}, {b, "1"}, {a, "0"}} {
		for _, kind := range []string{"attn.q", "mlp.up", "norm"} {
			want = append(want, from{"layer." + string(rune('0'+at)) + "." + kind + ".weight", l.of.Find("layer." + l.layer + "." + kind + ".weight")})
		}
	}
	want = append(want, from{"norm.weight", a.Find("norm.weight")})
	if len(out) != len(want) {
		t.Fatalf("%d tensors, want %d", len(out), len(want))
	}
	for i, w := range want {
		if out[i].Info.Name != w.name || !slices.Equal(out[i].Data, w.data) {
			t.Errorf("tensor %d is %s, want %s", i, out[i].Info.Name, w.name)
		}
	}
}

// TestBeyondTheEnd: layers that a model lacks are an error that says how many
// it has.
func TestBeyondTheEnd(t *testing.T) {
	_, err := stackedUp(t, "{slices: [{model: a, layers: [0, 3]}]}", opstest.Random(1))
	if err == nil || !strings.Contains(err.Error(), "it has 2 layers") {
		t.Errorf("got %v", err)
	}
}
