package kernel

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkTable prints what the kernels reach: in one run, ours, the limit
// and their ratio. Times and rates are the best of several.
func BenchmarkTable(b *testing.B) {
	for range b.N {
		elementaryRows()
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

func elementaryRows() {
	x, y := make([]float32, 1<<17), make([]float32, 1<<17) // in the second cache
	for i := range x {
		x[i] = float32(i%4001)/200 - 10
	}
	for _, f := range []struct {
		name string
		f    func(dst, x []float32)
	}{{"exp", Exp}, {"log", Log}, {"tanh", Tanh}, {"sigmoid", Sigmoid}, {"silu", SiLU}, {"gelu", GELU}, {"gelu tanh", GELUTanh}} {
		t := best(60, func() { f.f(y, x) })
		fmt.Printf("%-22s %.3f ns an element\n", f.name, 1e9*t/float64(len(x)))
	}
}
