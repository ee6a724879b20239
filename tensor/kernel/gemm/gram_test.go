package gemm

import (
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

func TestGram(t *testing.T) {
	onEveryLevel(t, func(t *testing.T) {
		for _, s := range [][2]int{{1, 1}, {7, 5}, {40, 33}, {600, 70}, {300, 129}} {
			n, d := s[0], s[1]
			ldx := d + 3
			x := fill[float32](newRand(), n*ldx)
			dst, want, size := make([]float64, d*d), make([]float64, d*d), make([]float64, d*d)
			for i := range want {
				dst[i], want[i] = float64(i), float64(i)
			}
			for p := range n {
				row := x[p*ldx : p*ldx+d]
				for i, a := range row {
					for j, b := range row[:i+1] {
						want[i*d+j] += float64(a) * float64(b)
						size[i*d+j] += math.Abs(float64(a) * float64(b))
					}
				}
			}
			Gram(dst, d, x, n, ldx, 2)
			MirrorLower(dst, d)
			for i := range d {
				for j := range i + 1 {
					at := i*d + j
					if e := math.Abs(dst[at] - want[at]); e > float64(min(n, gramBlock)+2)*0x1p-24*size[at]+1e-9 {
						t.Fatalf("n %d d %d: element %d,%d is %v, want %v", n, d, i, j, dst[at], want[at])
					}
					if dst[j*d+i] != dst[at] {
						t.Fatalf("element %d,%d is not mirrored", j, i)
					}
				}
			}
		}
	})
}

func TestGramSameBits(t *testing.T) {
	const n, d = 700, 300
	x := fill[float32](newRand(), n*d)
	byLevel := map[cpu.Level][]float64{}
	onEveryLevel(t, func(t *testing.T) {
		var want []float64
		for _, workers := range []int{1, 2, 5} {
			got := make([]float64, d*d)
			Gram(got, d, x, n, d, workers)
			MirrorLower(got, d)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%d workers give other bits", workers)
			}
		}
		byLevel[cpu.Active()] = want
		got := make([]float64, d*d)
		Gram(got, d, x[:512*d], 512, d, 1)
		Gram(got, d, x[512*d:], n-512, d, 2)
		MirrorLower(got, d)
		if !slices.Equal(got, want) {
			t.Fatal("two calls give other bits")
		}
		clear(got)
		for at := 0; at < n; at += gramBlock {
			Gram(got, d, x[at*d:], min(gramBlock, n-at), d, 1)
		}
		MirrorLower(got, d)
		if !slices.Equal(got, want) {
			t.Fatal("a call for each block gives other bits: two of one call are not added in turn")
		}
	})
	if narrow, wide := byLevel[cpu.AVX2], byLevel[cpu.AVX512]; wide != nil && !slices.Equal(narrow, wide) {
		t.Fatal("AVX2 and AVX-512 give different bits")
	}
}
