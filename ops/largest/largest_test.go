package largest

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

const cols = 64

// scan walks a tensor in memory in blocks of 100 rows, and counts its passes.
func scan(x []float32, passes *int) ops.Scan {
	rows := len(x) / cols
	at := func(_ context.Context, row, n int, f func(*ops.Block) error, _ ...int) error {
		return f(&ops.Block{Index: row / 100, Row: row, Rows: n, Cols: cols, NewScratch: func(n int) []float32 { return make([]float32, n) }, NewMask: func(n int) kernel.Mask { return make(kernel.Mask, kernel.MaskWords(n)) },
			In: []ops.Values{{F32: slices.Clone(x[row*cols : (row+n)*cols])}}})
	}
	return ops.Scan{
		Pass: &ops.Pass{In: []tensor.Info{{Shape: tensor.Shape{rows, cols}}}}, Blocks: (rows + 99) / 100, At: at,
		Each: func(ctx context.Context, f func(*ops.Block) error, _ ...int) error {
			*passes++
			for row := 0; row < rows; row += 100 {
				if err := at(ctx, row, min(100, rows-row), f); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// sorted is the first k elements by magnitude over all tensors, ties to the
// first, as flags.
func sorted(tensors [][]float32, k int) []bool {
	x := slices.Concat(tensors...)
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(kernel.MagnitudeBits(x[b]), kernel.MagnitudeBits(x[a]))
	})
	kept := make([]bool, len(x))
	for _, i := range order[:k] {
		kept[i] = true
	}
	return kept
}

// flags is what cuts keep.
func flags(tensors [][]float32, cuts []Cut) []bool {
	var kept []bool
	for i, x := range tensors {
		m := make(kernel.Mask, kernel.MaskWords(len(x)))
		cuts[i].Keep(m, 0, x)
		for j := range x {
			kept = append(kept, m.Has(j))
		}
	}
	return kept
}

// tensors of several kinds: smooth, with rows of very different scale, with
// few different values, all equal, mostly zero, with NaN and Inf.
var kinds = map[string]func(r *rand.Rand, row int) float32{
	"normal": func(r *rand.Rand, _ int) float32 { return float32(r.NormFloat64()) },
	"scaled": func(r *rand.Rand, row int) float32 {
		return float32(r.NormFloat64() * math.Exp(float64(row%13)))
	},
	"coarse": func(r *rand.Rand, _ int) float32 { return float32(r.IntN(7)-3) / 4 },
	"equal":  func(*rand.Rand, int) float32 { return 0.1 },
	"sparse": func(r *rand.Rand, _ int) float32 { return float32(max(r.IntN(20)-18, 0)) },
	"broken": func(r *rand.Rand, _ int) float32 { return math.Float32frombits(r.Uint32()) },
}

func draw(r *rand.Rand, rows int, kind func(*rand.Rand, int) float32) []float32 {
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = kind(r, i/cols)
	}
	return x
}

// TestCuts holds selections over two tensors to sorting them.
func TestCuts(t *testing.T) {
	for name, kind := range kinds {
		r := rand.New(rand.NewPCG(1, 2))
		for _, rows := range []int{1, 90, 1500} {
			data := [][]float32{draw(r, rows, kind), draw(r, rows/2+1, kind)}
			n := len(data[0]) + len(data[1])
			for _, k := range []int{1, n / 10, n / 2, n - 1, n} {
				passes := 0
				s := Selection{Scans: []ops.Scan{scan(data[0], &passes), scan(data[1], &passes)}, Keep: []int{k}, Operand: []int{0}}
				cuts, err := s.Cuts(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(flags(data, cuts[0]), sorted(data, max(k, 1))) {
					t.Errorf("%s, %d rows: the %d largest of %d are others", name, rows, k, n)
				}
				s.Operand, s.Of = nil, func(b *ops.Block) []float32 { return magnitudes(b.X(0)) }
				if again, err := s.Cuts(context.Background()); err != nil || !slices.Equal(again[0], cuts[0]) {
					t.Errorf("%s, %d rows: of computed magnitudes %v, want %v", name, rows, again[0], cuts[0])
				}
				passes /= 2
				if name == "normal" && passes != 2 {
					t.Errorf("%d rows, k %d: %d passes over two tensors, want one each", rows, k, passes)
				}
			}
		}
	}
}

// TestKeepOf: a share of what is not zero is the same as that many of all, and
// takes one pass.
func TestKeepOf(t *testing.T) {
	for name, kind := range kinds {
		r := rand.New(rand.NewPCG(5, 6))
		for _, rows := range []int{1, 1500} {
			data, nonzero := [][]float32{draw(r, rows, kind), draw(r, rows/2+1, kind)}, 0
			for _, v := range slices.Concat(data...) {
				if v != 0 {
					nonzero++
				}
			}
			for _, share := range []float64{0, 0.1, 0.5, 1} {
				passes, keep := 0, func(n int) int { return int(share * float64(n)) }
				s := Selection{Scans: []ops.Scan{scan(data[0], &passes), scan(data[1], &passes)}, KeepOf: keep, Of: func(b *ops.Block) []float32 { return b.X(0) }}
				cuts, err := s.Cuts(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(flags(data, cuts[0]), sorted(data, keep(nonzero))) {
					t.Errorf("%s, %d rows: a share of %v of %d is another", name, rows, share, nonzero)
				}
				if name == "normal" && passes != 2 {
					t.Errorf("%d passes over two tensors, want one each", passes)
				}
			}
		}
	}
}

func magnitudes(x []float32) []float32 {
	m := make([]float32, len(x))
	for i, v := range x {
		m[i] = math.Float32frombits(kernel.MagnitudeBits(v))
	}
	return m
}

// TestMiss: a bracket beside the threshold is noticed, and histograms find it.
func TestMiss(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	data := [][]float32{draw(r, 500, kinds["normal"])}
	passes := 0
	s := Selection{Scans: []ops.Scan{scan(data[0], &passes)}, Keep: []int{1000, 20000}, Operand: []int{0, 0}}
	cuts := make([][]Cut, 2)
	low, high := kernel.Bracket{Lo: 5, Hi: 9}, kernel.Bracket{Lo: math.MaxInt32 - 1, Hi: math.MaxInt32}
	missed, err := s.within(context.Background(), []int{0, 1}, []kernel.Bracket{low, high}, cuts)
	if err != nil || len(missed) != 2 {
		t.Fatal(missed, err)
	}
	for q, k := range s.Keep {
		bits, err := s.exact(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		exact := kernel.Bracket{Lo: int32(bits), Hi: int32(bits)}
		if missed, err := s.within(context.Background(), []int{q}, []kernel.Bracket{exact, exact}, cuts); err != nil || missed != nil {
			t.Fatal(missed, err)
		}
		if !slices.Equal(flags(data, cuts[q]), sorted(data, k)) {
			t.Errorf("the %d largest are others", k)
		}
	}
}
