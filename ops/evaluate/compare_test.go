package evaluate

import (
	"math"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// measured compares a model with a reference, both given by their tensors, each
// in two blocks.
func measured(t *testing.T, ref, x [][]float32) (map[string]float64, ops.Table) {
	t.Helper()
	p := &compare{Reference: schema.Ref{Name: "r"}, Models: []schema.Ref{{Name: "x"}}}
	var infos []tensor.Info
	var records []ops.Record
	for i := range ref {
		info := tensor.Info{Name: string(rune('a' + i)), DType: tensor.BF16, Shape: tensor.Shape{len(ref[i])}}
		block := func(from, to int) []float64 {
			s, err := sums(p, nil, &ops.Block{In: []ops.Values{{F32: ref[i][from:to]}, {F32: x[i][from:to]}}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := block(0, 1)
		join(s, block(1, len(ref[i])))
		infos = append(infos, info)
		records = append(records, ops.Record{Unit: ops.Unit{Out: []tensor.Info{info}}, Sums: s})
	}
	h := ops.NewHeader("x", infos, &tensor.Model{})
	m, err := finish(p, []ops.Header{h, h}, records)
	if err != nil {
		t.Fatal(err)
	}
	return m.Values["x"], m.Tables[0]
}

func holds(t *testing.T, got map[string]float64, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		if math.Abs(got[name]-v) > 1e-12 {
			t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
}

// TestByHand: r = (3, 4) and x = (3, 0) have |r| = 5, |x| = 3, |x-r| = 4 and
// r.x = 9; with a second tensor (0, 12) twice, |r| = 13, |x|^2 = 153, r.x = 153.
func TestByHand(t *testing.T) {
	one, _ := measured(t, [][]float32{{3, 4}}, [][]float32{{3, 0}})
	holds(t, one, map[string]float64{"relative_error": 0.8, "cosine": 0.6, "snr_db": 20 * math.Log10(1.25), "sparsity": 0.5, "changed": 0.5, "max_abs": 4, "tensors": 1, "bytes": 4})
	two, table := measured(t, [][]float32{{3, 4}, {0, 12}}, [][]float32{{3, 0}, {0, 12}})
	holds(t, two, map[string]float64{"relative_error": 4. / 13, "cosine": 153 / (13 * math.Sqrt(153)), "sparsity": 0.5, "changed": 0.25, "max_abs": 4, "tensors": 2, "bytes": 8})
	if len(table.Rows) != 2 || table.Rows[0].Values[0] != 0.8 || table.Rows[1].Values[0] != 0 {
		t.Errorf("%+v", table.Rows)
	}
}

// TestLimits: equal models, and a reference of zeros, have finite metrics.
func TestLimits(t *testing.T) {
	same, _ := measured(t, [][]float32{{1, -2}}, [][]float32{{1, -2}})
	holds(t, same, map[string]float64{"relative_error": 0, "cosine": 1, "snr_db": 400, "sparsity": 0, "changed": 0, "max_abs": 0})
	zero, _ := measured(t, [][]float32{{0, 0}}, [][]float32{{0, 2}})
	holds(t, zero, map[string]float64{"relative_error": 1, "cosine": 0, "snr_db": -400, "sparsity": 0.5, "changed": 0.5, "max_abs": 2})
}

// TestStored: codes count packed, with their scales.
func TestStored(t *testing.T) {
	info := tensor.Info{DType: tensor.BF16, Shape: tensor.Shape{4, 64}, Quant: &tensor.Quant{Bits: 4, Symmetric: true, GroupSize: 32}}
	if n := stored(info); n != 4*64/2+4*2*2 {
		t.Errorf("%d bytes", n)
	}
}
