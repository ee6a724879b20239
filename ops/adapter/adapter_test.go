package adapter

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

// extracted runs adapter.extract over two models of opstest.
func extracted(t *testing.T, params string, tuned, base opstest.Model) opstest.Model {
	t.Helper()
	op := opNamed(t, "adapter.extract")
	out, err := opstest.Apply(op, opstest.Decode(t, op, params), 0, opstest.Order{}, tuned, base)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func recordOf(t *testing.T, m opstest.Model, name string) lora.Record {
	t.Helper()
	r, ok := lora.ParseRecord(m.Find(lora.RecordInfo(name).Name))
	if !ok {
		t.Fatalf("%s has no record", name)
	}
	return r
}

// TestFactors: at full rank base + adapter is the fine-tune, at a lower one it
// misses it by what the record says; embeddings come factored, norms whole.
func TestFactors(t *testing.T) {
	tuned, base := opstest.Random(1), opstest.Random(2)
	apply := opNamed(t, "adapter.apply")
	for params, most := range map[string]float64{
		"{model: a, base: b, rank: 8, embeddings: lora}":                             1e-6,
		"{model: a, base: b, rank: 8}":                                               1e-6,
		"{model: a, base: b, rank: 8, save: [attn.q], distribute_scale: false}":      1e-6,
		"{model: a, base: b, rank: 3, embeddings: lora, method: exact}":              1,
		"{model: a, base: b, rank: {energy: 0.9}, embeddings: lora}":                 0.5,
		"{model: a, base: b, rank: {energy: 0.9}, max_rank: 2, embeddings: lora}":    1,
		"{model: a, base: b, rank: {threshold: 3}, embeddings: lora, method: exact}": 1,
	} {
		lo := extracted(t, params, tuned, base)
		got, err := opstest.Apply(apply, opstest.Decode(t, apply, "{model: a, adapter: b}"), 0, opstest.Order{}, base, scaleOne(lo))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tuned {
			r := recordOf(t, lo, m.Info.Name)
			x := slices.Clone(got.Find(m.Info.Name))
			for i := range x {
				x[i] -= m.Data[i]
			}
			if miss := norm(x); math.Abs(miss-r.Error) > 2e-6*r.Weight || miss > most*r.Change+2e-6*r.Weight {
				t.Errorf("%s: %s misses the fine-tune by %v, and the record says %v of %v", params, m.Info.Name, miss, r.Error, r.Change)
			}
		}
	}
}

// scaleOne makes opstest's adapters, whose alpha is 4 at whatever rank, out of
// extracted ones, whose scale is one.
func scaleOne(m opstest.Model) opstest.Model {
	out := slices.Clone(m)
	for i, x := range out {
		if n, _ := lora.Split(x.Info.Name); n.Part == lora.A {
			out[i].Data = slices.Clone(x.Data)
			for j := range out[i].Data {
				out[i].Data[j] *= float32(x.Info.Shape[0]) / 4
			}
		}
	}
	return out
}

// TestRanks: an energy finds the least rank that keeps it, and what lies beyond
// that is empty.
func TestRanks(t *testing.T) {
	tuned, base := opstest.Random(1), opstest.Random(2)
	const name = "layer.0.mlp.up.weight"
	full := extracted(t, "{model: a, base: b, rank: 8}", tuned, base)
	for _, c := range []struct {
		params string
		within func(lost float64) bool
	}{
		{"{energy: 0.7}", func(lost float64) bool { return lost <= 0.3 }},
		{"{energy: 0.95}", func(lost float64) bool { return lost <= 0.05 }},
	} {
		m := extracted(t, "{model: a, base: b, rank: "+c.params+"}", tuned, base)
		r := recordOf(t, m, name)
		if lost := r.Error * r.Error / (r.Change * r.Change); !c.within(lost) || r.Rank < 1 || r.Rank > 8 {
			t.Errorf("%s: rank %d loses %v of the squares", c.params, r.Rank, lost)
		}
		less := extracted(t, "{model: a, base: b, rank: "+string(rune('0'+r.Rank-1))+"}", tuned, base)
		if q := recordOf(t, less, name); c.within(q.Error * q.Error / (q.Change * q.Change)) {
			t.Errorf("%s: rank %d would do", c.params, r.Rank-1)
		}
		a := m.Find("base_model.model.layer.0.mlp.up.lora_A.weight")
		for _, v := range a[r.Rank*8:] {
			if v != 0 {
				t.Fatalf("%s: something lies beyond rank %d", c.params, r.Rank)
			}
		}
	}
	if r := recordOf(t, full, name); r.Rank != 8 {
		t.Errorf("full rank is %d", r.Rank)
	}
}

// TestUnchanged: what is the base's has a record that says so, and no factors.
func TestUnchanged(t *testing.T) {
	tuned, base := opstest.Random(1), opstest.Random(1)
	tuned[1].Data = slices.Clone(tuned[1].Data)
	tuned[1].Data[0]++
	m := extracted(t, "{model: a, base: b, rank: {energy: 0.99}}", tuned, base)
	for i, x := range tuned {
		r := recordOf(t, m, x.Info.Name)
		if r.Unchanged() == (i == 1) {
			t.Errorf("%s: %+v", x.Info.Name, r)
		}
		if i == 1 && r.Rank != 1 {
			t.Errorf("one element makes rank %d", r.Rank)
		}
	}
}

// TestConfig: the adapter's config names modules, the ranks that differ and
// what is saved whole.
func TestConfig(t *testing.T) {
	op := opNamed(t, "adapter.extract")
	h := header("a", opstest.Random(1), nil)
	h.Roles = layered{}
	out := &tensor.Model{Config: []byte("{}")}
	p := opstest.Decode(t, op, "{model: a, base: b, rank: {ratio: 0.5}, embeddings: lora}")
	if err := op.Ride(p, []ops.Header{h, h}, out); err != nil {
		t.Fatal(err)
	}
	var c struct {
		R       int      `json:"r"`
		Alpha   int      `json:"lora_alpha"`
		Modules []string `json:"target_modules"`
		Saved   []string `json:"modules_to_save"`
	}
	if err := json.Unmarshal(out.Adapter, &c); err != nil {
		t.Fatal(err)
	}
	if c.R != 4 || c.Alpha != 4 || !slices.Equal(c.Modules, []string{"embed", "q", "up"}) || !slices.Equal(c.Saved, []string{"layer.0.norm", "layer.1.norm", "norm"}) || out.Config != nil {
		t.Errorf("%+v, config %s", c, out.Config)
	}
}

// headed knows a head besides.
type headed struct{ layered }

func (h headed) Role(name string, s tensor.Shape) tensor.Role {
	if name == "head.weight" {
		return tensor.Role{Layer: -1, Kind: tensor.Head}
	}
	return h.layered.Role(name, s)
}

// TestHeadGoesWithTheEmbedding: a head over the vocabulary is saved whole,
// factored or left with the embedding, as in mergekit; one over classes is
// factored.
func TestHeadGoesWithTheEmbedding(t *testing.T) {
	op := opNamed(t, "adapter.extract")
	for _, c := range []struct {
		embeddings string
		rows       int
		factored   bool
		units      int
	}{{"whole", 16, false, 2}, {"lora", 16, true, 2}, {"leave", 16, false, 0}, {"whole", 3, true, 2}, {"leave", 3, true, 1}} {
		m := opstest.Model{
			{Info: tensor.Info{Name: "embed.weight", DType: tensor.F32, Shape: tensor.Shape{16, 8}}},
			{Info: tensor.Info{Name: "head.weight", DType: tensor.F32, Shape: tensor.Shape{c.rows, 8}}},
		}
		h := header("a", m, nil)
		h.Roles = headed{}
		units, err := op.Plan(opstest.Decode(t, op, "{model: a, base: b, rank: 2, embeddings: "+c.embeddings+"}"), []ops.Header{h, h})
		if err != nil || len(units) != c.units {
			t.Errorf("%+v: %d units, %v", c, len(units), err)
			continue
		}
		for _, u := range units {
			if u.In[0].Name == "head.weight" && (len(u.Out) == 3) != c.factored {
				t.Errorf("%+v: the head becomes %v", c, u.Out)
			}
		}
	}
}

// TestResized: a fine-tune with more tokens than its base is told so.
func TestResized(t *testing.T) {
	op := opNamed(t, "adapter.extract")
	tuned := opstest.Random(1)
	tuned[0].Info.Shape = tensor.Shape{18, 8}
	hs := []ops.Header{header("a", tuned, nil), header("b", opstest.Random(2), nil)}
	hs[0].Roles = layered{}
	_, err := op.Plan(opstest.Decode(t, op, "{model: a, base: b, rank: 2}"), hs)
	if err == nil || !strings.Contains(err.Error(), "embed.weight has 18 rows in a and 16 in b: an adapter cannot add tokens") {
		t.Errorf("got %v", err)
	}
}

// layered knows opstest's names.
type layered struct{}

func (layered) Role(name string, _ tensor.Shape) tensor.Role {
	layer := -1
	if len(name) > 6 && name[:6] == "layer." {
		layer = int(name[6] - '0')
	}
	r := tensor.Role{Layer: layer, Kind: tensor.Other}
	if name == "embed.weight" {
		r.Kind = tensor.Embed
	}
	return r
}
func (layered) Layers() int { return 2 }
