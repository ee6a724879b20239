package adapter

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

func extractOp(t *testing.T) *ops.Op {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("adapter.extract")
	return op
}

// TestFactors: at full rank the product of the factors is the difference, and
// at a lower rank its error is what the dropped singular values leave.
func TestFactors(t *testing.T) {
	op := extractOp(t)
	tuned, base := opstest.Random(1), opstest.Random(2)
	full, err := opstest.Apply(op, opstest.Decode(t, op, "{model: a, base: b, rank: 8}"), 0, opstest.Order{}, tuned, base)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tuned {
		a, b := full.Find("base_model.model."+m.Info.Name[:len(m.Info.Name)-7]+".lora_A.weight"), full.Find("base_model.model."+m.Info.Name[:len(m.Info.Name)-7]+".lora_B.weight")
		if len(m.Info.Shape) != 2 {
			if a != nil {
				t.Errorf("%s is no matrix and has factors", m.Info.Name)
			}
			continue
		}
		rows, cols := m.Info.Shape[0], m.Info.Shape[1]
		for i := range rows {
			for j := range cols {
				var sum float64
				for k := range 8 {
					sum += float64(b[i*8+k]) * float64(a[k*cols+j])
				}
				want := float64(m.Data[i*cols+j] - base.Find(m.Info.Name)[i*cols+j])
				if math.Abs(sum-want) > 1e-5 {
					t.Fatalf("%s[%d,%d] = %v, want %v", m.Info.Name, i, j, sum, want)
				}
			}
		}
	}
}

// TestEnergyRefused: a rank that depends on values cannot be planned.
func TestEnergyRefused(t *testing.T) {
	op := extractOp(t)
	p := op.New().(*extract)
	p.Rank.Energy = 0.9
	if problems := op.Check(p); len(problems) != 1 {
		t.Errorf("problems: %v", problems)
	}
}

// TestConfig: the adapter's config names modules and the ranks that differ.
func TestConfig(t *testing.T) {
	op := extractOp(t)
	model := opstest.Random(1)
	var infos []tensor.Info
	for _, m := range model {
		infos = append(infos, m.Info)
	}
	h := ops.NewHeader("a", infos, &tensor.Model{})
	out := &tensor.Model{Config: []byte("{}")}
	p := op.New().(*extract)
	p.Rank.Ratio = 0.5
	if err := op.Ride(p, []ops.Header{h, h}, out); err != nil {
		t.Fatal(err)
	}
	var c struct {
		R       int      `json:"r"`
		Alpha   int      `json:"lora_alpha"`
		Modules []string `json:"target_modules"`
	}
	if err := json.Unmarshal(out.Adapter, &c); err != nil {
		t.Fatal(err)
	}
	if c.R != 4 || c.Alpha != 4 || len(c.Modules) != 3 || out.Config != nil {
		t.Errorf("%+v, config %s", c, out.Config)
	}
}
