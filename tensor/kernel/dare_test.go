package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/rng"
)

// TestLongRaw: results that pass by the cache are those of the loops that do
// not, at every level and begin.
func TestLongRaw(t *testing.T) {
	const n = streamed + 2*12345
	r := rand.New(rand.NewPCG(7, 8))
	all := make([][]byte, 4)
	for i := range all {
		all[i] = make([]byte, n+64)
		for j := range all[i] {
			all[i][j] = byte(r.Uint32())
			if j%2 == 1 {
				all[i][j] &= 0xbf // no NaN, whose payload after a sum is free
			}
		}
	}
	xs, w, key := [][]byte{all[1][:n], all[2][:n], all[3][:n]}, []float32{0.2, 0.3, 0.5}, rng.NewKey(1, "", "", "", "")
	sum, wide := make([]byte, n), make([]float32, n/2)
	dropped, keep := make([]byte, n), make(Mask, MaskWords(n/2))
	LinearSumBF16(wide, w, xs, 1)
	F32ToBF16(sum, wide)
	key.Keep(keep, 77, n/2, 0.3)
	MaskScaleBF16(dropped, xs[0], keep, 1.5)
	for _, level := range cpu.Levels() {
		defer cpu.Force(level)()
		for _, at := range []int{0, 1, 2, 30} {
			dst := all[0][at : at+n]
			LinearSumRaw(dst, w, xs, 1)
			if !bytes.Equal(dst, sum) {
				t.Errorf("%s: the sum at byte %d differs", level, at)
			}
			DropScaleBF16(dst, xs[0], key, 77, 0.3, 1.5)
			if !bytes.Equal(dst, dropped) {
				t.Errorf("%s: what is dropped at byte %d differs", level, at)
			}
		}
	}
}
