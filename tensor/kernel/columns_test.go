package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// TestColumns: every level gives the bits of the scalar twin, near the sums in
// float64, whatever lies beside the rows.
func TestColumns(t *testing.T) {
	defer cpu.Force(cpu.Active())()
	r := rand.New(rand.NewPCG(1, 1))
	for cols := range 131 {
		for _, rows := range []int{1, 7, 300} {
			ld := cols + 3
			x := make([]float32, 1+rows*ld)[1:]
			for i := range x {
				x[i] = float32(math.Inf(1)) // what is not a column spoils every sum
				if i%ld < cols {
					x[i] = float32(r.NormFloat64())
				}
			}
			x = x[:max(0, (rows-1)*ld+cols)]
			cpu.Force(cpu.Portable)
			want := NewColumns(cols)
			want.Add(x, rows, ld, 0, cols)
			for _, level := range cpu.Levels() {
				cpu.Force(level)
				got := NewColumns(cols)
				got.Add(x, rows, ld, 0, cols/2)
				got.Add(x, rows, ld, cols/2, cols)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("%v, %d x %d: %s", level, rows, cols, d)
				}
			}
			for j := range cols {
				var sum, squares, abs float64
				for i := range rows {
					v := float64(x[i*ld+j])
					sum, squares, abs = sum+v, squares+v*v, abs+math.Abs(v)
					if float32(v) < want.Min[j] || float32(v) > want.Max[j] {
						t.Fatalf("column %d holds %v and its extremes are %v and %v", j, v, want.Min[j], want.Max[j])
					}
				}
				for _, d := range []float64{sum - want.Sum[j], squares - want.Squares[j], abs - want.Abs[j]} {
					if math.Abs(d) > 1e-5*(1+squares) {
						t.Fatalf("column %d is off by %v", j, d)
					}
				}
			}
		}
	}
}

// TestColumnsJoin: halves at a multiple of 256 rows, added or joined, make the
// whole bit for bit where there are two.
func TestColumnsJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	x := make([]float32, 512*40)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	whole, a, b := NewColumns(40), NewColumns(40), NewColumns(40)
	whole.Add(x, 512, 40, 0, 40)
	a.Add(x, 256, 40, 0, 40)
	b.Add(x[256*40:], 256, 40, 0, 40)
	a.Join(b)
	if d := cmp.Diff(whole, a); d != "" {
		t.Error(d)
	}
}
