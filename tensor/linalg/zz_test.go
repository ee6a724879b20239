package linalg

import (
	"context"
	"fmt"
	"github.com/rouxml/roux/tensor/rng"
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

func randomizedBenches() []solveBench { return nil }
func TestZ(t *testing.T) {
	ctx := context.Background()
	n := 4096
	a := convert[float32](normal(n, n))
	pf, _ := os.Create("/tmp/qr.prof")
	pprof.StartCPUProfile(pf)
	best := 1e9
	var o *LowRank
	for range 12 {
		s := time.Now()
		var err error
		o, err = RandomizedSVD(ctx, a, n, n, Sketch{Rank: 64, PowerSteps: 2, Key: rng.NewKey(1, "", "", "x", "")})
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(s).Seconds())
	}
	pprof.StopCPUProfile()
	fmt.Println(best, o.S[:3], o.S[63], o.Next, o.Missed, o.Frobenius)
	best = 1e9
	d := convertTo[float64](a[:84*84])
	for range 12 {
		s := time.Now()
		smallSVD(ctx, d, 84, 84)
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("small svd", best)
	b := make([]float32, 74*n)
	copy(b, a)
	best = 1e9
	for range 12 {
		s := time.Now()
		orthonormalise(b, n, 74, newJob(ctx))
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("orth", best)
	best = 1e9
	for range 12 {
		s := time.Now()
		testMatrix(rng.NewKey(1, "", "", "x", ""), n, 74, newJob(ctx))
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("normals", best)
	best = 1e9
	for range 12 {
		s := time.Now()
		checkMatrix(a, n, n, newJob(ctx))
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("check", best)
	x := sketched{a, n, n, newJob(ctx)}
	c := make([]float32, n*84)
	best = 1e9
	for range 12 {
		s := time.Now()
		x.times(b, 74, c)
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("times", best)
	best = 1e9
	for range 12 {
		s := time.Now()
		x.transposeTimes(b, 74, c)
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("transp", best)
	best = 1e9
	for range 12 {
		s := time.Now()
		product(true, false, 74, n, n, 1, b, 74, a, n, 0, c, n, x.job)
		best = min(best, time.Since(s).Seconds())
	}
	fmt.Println("other transp", best)
}
