package kernel

import (
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/rouxml/roux/tensor/rng"
)

// BenchmarkTable prints what the kernels reach: in one run, ours, the limit
// and their ratio. Times and rates are the best of several.
func BenchmarkTable(b *testing.B) {
	for range b.N {
		forwardRows()
		kthRow16M()
		rawRows()
	}
}

// best is the shortest of several runs, in seconds; what is short is repeated
// within a run.
func best(runs int, f func()) float64 {
	shortest := 1e9
	for range runs {
		times, begin := 0, time.Now()
		for times == 0 || time.Since(begin) < 2*time.Millisecond {
			f()
			times++
		}
		shortest = min(shortest, time.Since(begin).Seconds()/float64(times))
	}
	return shortest
}

// forwardRows measures in the second cache; the limit is a copy there.
func forwardRows() {
	const n = 1 << 16
	x, y, w := make([]float32, n), make([]float32, n), make([]float32, n)
	noise(x)
	noise(w)
	raw, codes, counts := make([]byte, 2*n), make([]byte, n), make([]uint64, 100)
	F32ToBF16(raw, x)
	wide := make([]float32, n)
	for i := range wide {
		wide[i] = float32(i%4001)/200 - 10
	}
	plain := best(60, func() { copy(y, x) })
	for _, f := range []struct {
		name string
		f    func()
	}{
		{"exp", func() { Exp(y, wide) }},
		{"log", func() { Log(y, wide) }},
		{"tanh", func() { Tanh(y, wide) }},
		{"sigmoid", func() { Sigmoid(y, wide) }},
		{"SiLU", func() { SiLU(y, wide) }},
		{"GELU", func() { GELU(y, wide) }},
		{"GELU by tanh", func() { GELUTanh(y, wide) }},
		{"softmax", func() { Softmax(y, x) }},
		{"RMS norm", func() { RMSNorm(y, x, w, 1e-5) }},
		{"layer norm", func() { LayerNorm(y, x, w, w, 1e-5) }},
		{"rotary by halves", func() { RotateHalf(y, x[:n/2], w[:n/2]) }},
		{"rotary by pairs", func() { RotatePairs(y, x[:n/2], w[:n/2]) }},
		{"min and max", func() { MinMax(x) }},
		{"greatest magnitude", func() { AbsMax(x) }},
		{"sum of squares", func() { Norm2(x) }},
		{"dot of bf16 and f32", func() { DotBF16(raw, x) }},
		{"histogram", func() { Histogram(counts, x, -0.1, 0.1) }},
		{"E4M3 to f32", func() { E4M3ToF32(y, codes) }},
		{"E5M2 to f32", func() { E5M2ToF32(y, codes) }},
		{"f32 to E4M3", func() { F32ToE4M3(codes, x) }},
		{"f32 to E5M2", func() { F32ToE5M2(codes, x) }},
	} {
		t := best(60, f.f)
		fmt.Printf("%-22s %.3f ns an element; a copy %.3f; %.2f of its speed\n", f.name, 1e9*t/n, 1e9*plain/n, plain/t)
	}
}

// noise fills x with numbers spread like weights.
func noise(x []float32) {
	state := uint64(1)
	for i := range x {
		state = state*6364136223846793005 + 1442695040888963407
		u, v := float64(state>>40)/(1<<24), float64(state>>16&0xffffff)/(1<<24)
		x[i] = float32((u - 0.5) * (v + 0.1) * 0.1)
	}
}

func kthRow16M() {
	x, y := make([]float32, 16<<20), make([]float32, 16<<20)
	noise(x)
	plain := best(10, func() { copy(y, x) })
	for workers := 1; workers <= 2; workers++ {
		t := best(10, func() { KthMagnitude(x, len(x)/5, workers) })
		fmt.Printf("%-22s %.1f ms on %d threads; a copy %.1f ms; %.2f of its speed\n", "k-th of 16 M", 1e3*t, workers, 1e3*plain, plain/t)
	}
}

const size = 256 << 20

// split runs f over the arrays' bytes in so many parts at once.
func split(threads int, f func(from, to int)) func() {
	return func() {
		var all sync.WaitGroup
		for i := range threads {
			all.Go(func() { f(i*size/threads, (i+1)*size/threads) })
		}
		all.Wait()
	}
}

// rawRows measures in arrays of 256 MB, none of which a cache holds.
func rawRows() {
	arrays := make([][]byte, 4)
	for i := range arrays {
		arrays[i] = make([]byte, size)
		for j := 0; j < size; j += 2 {
			arrays[i][j+1], arrays[i][j] = byte(0x3c+j>>8&1), byte(j)
		}
	}
	f := make([][]float32, 4)
	for i, a := range arrays {
		f[i] = unsafe.Slice((*float32)(unsafe.Pointer(&a[0])), size/4)
	}
	rate := func(bytes int, f func()) float64 { return float64(bytes) / best(6, f) / 1e9 }
	plain := rate(2*size, func() { copy(arrays[0], arrays[1]) })
	triad := rate(3*size, func() { Lerp2(f[0], 1, f[1], 0.5, f[2]) })
	merge := rate(4*size, func() { LinearSumRaw(arrays[0], []float32{0.3, 0.3, 0.4}, arrays[1:], 1) })
	fmt.Printf("%-22s %.1f GB/s\n%-22s %.1f GB/s\n", "copy", plain, "triad", triad)
	fmt.Printf("%-22s %.1f GB/s, %.2f of the triad, %.2f of the copy\n", "three-way merge", merge, merge/triad, merge/plain)
	for _, p := range []float64{0.5, 0.3} {
		for threads := 1; threads <= 2; threads++ {
			plain := rate(2*size, split(threads, func(from, to int) { copy(arrays[0][from:to], arrays[1][from:to]) }))
			t := rate(2*size, split(threads, func(from, to int) {
				DropScaleBF16(arrays[0][from:to], arrays[1][from:to], rng.NewKey(1, "", "", "", ""), from/2, p, float32(1/p))
			}))
			fmt.Printf("%-22s %.1f GB/s on %d threads, %.2f of the copy\n", fmt.Sprint("DARE at ", p), t, threads, t/plain)
		}
	}
}
