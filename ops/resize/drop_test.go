package resize

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

func dropping(t *testing.T) *ops.Op {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("resize.drop")
	return op
}

// TestDrop: what stays is the model without those layers, under new numbers.
func TestDrop(t *testing.T) {
	op, m := dropping(t), opstest.Random(1)
	for _, c := range []struct {
		params string
		stays  string
	}{
		{"{model: a, layers: [0]}", "1"}, {"{model: a, layers: [1, 1]}", "0"}, {"{model: a, count: 1, by: tail}", "0"},
		{"{model: a, count: 1, calibrate: d}", "0"}, {"{model: a, count: 1, by: angle, calibrate: d}", "1"},
	} {
		out, err := opstest.Apply(op, opstest.Decode(t, op, c.params), 0, opstest.Order{}, m)
		if err != nil {
			t.Errorf("%s: %v", c.params, err)
			continue
		}
		if len(out) != len(m)-3 || !slices.Equal(out.Find("layer.0.attn.q.weight"), m.Find("layer."+c.stays+".attn.q.weight")) || !slices.Equal(out.Find("norm.weight"), m.Find("norm.weight")) {
			t.Errorf("%s: layer %s does not stay alone", c.params, c.stays)
		}
	}
}

// layered is a header of so many layers.
func layered(n int) ops.Header {
	var infos []tensor.Info
	for l := range n {
		infos = append(infos, tensor.Info{Name: "layer." + string(rune('0'+l)) + ".mlp.up.weight", DType: tensor.F32, Shape: tensor.Shape{2, 2}})
	}
	return ops.NewHeader("m", infos, &tensor.Model{Roles: numbered{}})
}

type numbered struct{}

// Role reads the digit behind "layer.".
func (numbered) Role(name string, _ tensor.Shape) tensor.Role {
	return tensor.Role{Layer: int(name[len("layer.")] - '0')}
}

// Layers is not asked for.
func (numbered) Layers() int { return 0 }

// TestChosen: influence takes the layers of least influence wherever they are,
// angle a run of layers before the last, and both say so.
func TestChosen(t *testing.T) {
	h := layered(5)
	h.Blocks = &ops.Blocks{Next: []float64{0.2, 0.9, 0.5, 0.8, 0.9}}
	for i := range 6 {
		row := make([]float64, 6)
		for j := range row {
			row[j] = 0.1
		}
		h.Blocks.Last = append(h.Blocks.Last, row)
		row[i] = 1
	}
	h.Blocks.Last[1][3], h.Blocks.Last[3][5] = 0.7, 0.9
	for _, c := range []struct {
		p    drop
		want []int
		note string
	}{
		{drop{Count: 1}, []int{1}, "drops 1 of 5 layers, with their influence: 1 (0.1000)"},
		{drop{Count: 3}, []int{1, 3, 4}, "1 (0.1000), 3 (0.2000), 4 (0.1000)"},
		{drop{Count: 2, By: "angle"}, []int{1, 2}, "drops 2 of 5 layers, from layer 1 on, which turn the last token by 0.2532 of a half turn"},
		{drop{Count: 2, By: "tail"}, []int{3, 4}, ""},
		{drop{Layers: []int{4, 0, 4}}, []int{0, 4}, ""},
	} {
		got, err := c.p.dropped(h)
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v; %v", c.p, got, c.want, err)
		}
		if c.note != "" && !strings.Contains(c.p.note(h), c.note) {
			t.Errorf("%+v: %s", c.p, c.p.note(h))
		}
	}
	for says, p := range map[string]drop{
		"layers [5] of m: it has layers 0 to 4":   {Layers: []int{5}},
		"all 5 layers of m would go":              {Layers: []int{0, 1, 2, 3, 4}},
		"count: 5, and m has 5 layers: leave one": {Count: 5},
	} {
		if _, err := p.dropped(h); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	if _, err := (&drop{Count: 1}).dropped(layered(3)); err == nil || !strings.Contains(err.Error(), "was not run over the texts") {
		t.Errorf("without a run: %v", err)
	}
}

// TestDropCheck: keys that do not go together are refused.
func TestDropCheck(t *testing.T) {
	data := drop{}.Calibrate
	data.Name = "d"
	for says, p := range map[string]*drop{
		"give either layers or count":                                {},
		"by and calibrate mean nothing where layers are named":       {Layers: []int{1}, By: "tail"},
		"influence looks at hidden states over a text, and none is ": {Count: 1},
		"angle looks at hidden states over a text, and none is ":     {Count: 1, By: "angle"},
		"calibrate means nothing for by: tail":                       {Count: 1, By: "tail", Calibrate: data},
	} {
		if problems := dropCheck(p); len(problems) != 1 || !strings.Contains(problems[0].Msg, says) {
			t.Errorf("want %q, got %v", says, problems)
		}
	}
}
