package linalg

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// TestWorkers: the number of goroutines changes no bit.
func TestWorkers(t *testing.T) {
	for _, shape := range [][2]int{{210, 200}, {400, 150}} {
		a := normal(shape[0], shape[1])
		var first *tall
		for _, workers := range []int{1, 2, 3, 8} {
			j := &job{context.Background(), workers}
			d, err := j.decomposeTall(Matrix{shape[0], shape[1], slices.Clone(a)})
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = d
			}
			if !slices.Equal(d.u.Data, first.u.Data) || !slices.Equal(d.v.Data, first.v.Data) || !slices.Equal(d.s, first.s) {
				t.Errorf("%v: other bits with %d workers", shape, workers)
			}
		}
	}
}

func TestWorkersSymmetric(t *testing.T) {
	const n = 230
	var first []float64
	for _, workers := range []int{1, 2, 5} {
		j := &job{context.Background(), workers}
		r, err := j.tridiagonalise(normal(n, n), n)
		if err != nil {
			t.Fatal(err)
		}
		q, _, err := j.tridiagonalVectors(r.d, r.e)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.back(j, q); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = q
		}
		if !slices.Equal(q, first) {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

// TestLevels decomposes on every level of the CPU.
func TestLevels(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			defer cpu.Force(level)()
			checkSVD(t, normal(97, 61), 97, 61)
			const n = 83
			a := symmetricCases(n)["clustered"]
			e, err := Symmetric(context.Background(), a, n)
			if err != nil {
				t.Fatal(err)
			}
			if r, off := residualSymmetric(a, n, e); r > 1e-13 || off > 1e-13 {
				t.Errorf("residual %.3g, orthogonality %.3g", r, off)
			}
		})
	}
}

func TestSignOf(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{[]float64{1, -2, 1.5}, -1}, {[]float64{-1, 1}, -1}, {[]float64{1, -1}, 1}, {[]float64{0, 3, -3}, 1}, {nil, 1}, {[]float64{0, 0}, 1},
	} {
		if got := signOf(c.x); got != c.want {
			t.Errorf("%v: %v", c.x, got)
		}
	}
}

func TestCluster(t *testing.T) {
	d := &SVD{S: []float64{4, 2, 2, 2 - 1e-9, 1, 0, 0}}
	for _, c := range []struct {
		k    int
		want Cluster
		cut  bool
	}{
		{0, Cluster{}, false}, {1, Cluster{}, false}, {2, Cluster{2, 1, 3}, true}, {3, Cluster{3, 1, 3}, true},
		{4, Cluster{}, false}, {5, Cluster{}, false}, {6, Cluster{6, 5, 6}, true}, {7, Cluster{}, false},
	} {
		got, cut := d.Cluster(c.k, 1e-8)
		if got != c.want || cut != c.cut {
			t.Errorf("rank %d: %+v, %v", c.k, got, cut)
		}
	}
	c, _ := d.Cluster(2, 1e-8)
	if s := c.String(); !strings.Contains(s, "rank 2 cuts through singular values 2 to 4") || !strings.Contains(s, "rank 1 or 4") {
		t.Error(s)
	}
}

func TestEnergy(t *testing.T) {
	for _, c := range []struct {
		s    []float64
		k    int
		want float64
	}{{[]float64{3, 4e-200}, 1, 1}, {[]float64{2, 1}, 1, 0.8}, {[]float64{1e300, 1e300}, 1, 0.5}, {nil, 0, 1}, {[]float64{0, 0}, 1, 1}} {
		if got := Energy(c.s, c.k); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%v: %v", c, got)
		}
	}
}

func TestOverflow(t *testing.T) {
	a := slices.Repeat([]float64{math.MaxFloat64}, 16)
	if _, err := Decompose(context.Background(), a, 4, 4); !errors.Is(err, ErrOverflow) {
		t.Errorf("got %v", err)
	}
	if _, err := SymmetricValues(context.Background(), a, 4); !errors.Is(err, ErrOverflow) {
		t.Errorf("got %v", err)
	}
}

// TestCancelSoon stops a decomposition that would take seconds.
func TestCancelSoon(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Decompose(ctx, normal(1500, 1500), 1500, 1500)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}
