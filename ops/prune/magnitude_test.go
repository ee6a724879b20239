package prune

import (
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor/kernel"
)

func apply(t *testing.T, params string, m opstest.Model) opstest.Model {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("prune.magnitude")
	out, err := opstest.Apply(op, opstest.Decode(t, op, params), 0, opstest.Order{Seed: 2}, m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestExactCounts: each scope drops as many as it says, never a larger element
// than it keeps, and of equal ones the later.
func TestExactCounts(t *testing.T) {
	for _, ties := range []bool{false, true} {
		m := opstest.Random(1)
		if ties {
			for i := range m {
				for j := range m[i].Data {
					m[i].Data[j] = float32(1 + j%2)
				}
			}
		}
		for _, scope := range []string{"row", "tensor", "layer", "model"} {
			out := apply(t, "{model: a, sparsity: 0.4, scope: "+scope+"}", m)
			total, want := 0, 0
			for i, o := range out {
				n, cols := len(o.Data), o.Info.Shape.Cols()
				switch scope {
				case "row":
					want += n / cols * int(0.4*float64(cols))
				default:
					want += int(0.4 * float64(n))
				}
				for j, v := range o.Data {
					if v == 0 {
						total++
					} else if v != m[i].Data[j] {
						t.Fatalf("%s changed %s[%d]", scope, o.Info.Name, j)
					}
				}
			}
			if total != want {
				t.Errorf("scope %s, ties %v: %d zeros, want %d", scope, ties, total, want)
			}
			if scope == "model" && !ties {
				thresholds(t, m, out)
			}
		}
	}
}

// thresholds checks that the largest dropped is below the smallest kept.
func thresholds(t *testing.T, m, out opstest.Model) {
	t.Helper()
	dropped, kept := uint32(0), uint32(1)<<31
	for i, o := range out {
		for j, v := range o.Data {
			if b := kernel.MagnitudeBits(m[i].Data[j]); v == 0 {
				dropped = max(dropped, b)
			} else {
				kept = min(kept, b)
			}
		}
	}
	if dropped > kept {
		t.Errorf("dropped %#x and kept %#x", dropped, kept)
	}
}

// TestPattern: every four neighbours keep their two largest.
func TestPattern(t *testing.T) {
	m := opstest.Random(3)
	out := apply(t, `{model: a, pattern: "2:4"}`, m)
	for i, o := range out {
		for j := 0; j < len(o.Data); j += 4 {
			zeros := 0
			for k := range 4 {
				if o.Data[j+k] != 0 {
					continue
				}
				zeros++
				for l := range 4 {
					if o.Data[j+l] != 0 && kernel.MagnitudeBits(m[i].Data[j+k]) > kernel.MagnitudeBits(o.Data[j+l]) {
						t.Fatalf("%s[%d] dropped before a smaller one", o.Info.Name, j+k)
					}
				}
			}
			if zeros != 2 {
				t.Fatalf("%s[%d:]: %d zeros of 4", o.Info.Name, j, zeros)
			}
		}
	}
}
