package lowrank

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

func svdOp(t *testing.T) *ops.Op {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("lowrank.svd")
	return op
}

// matrix is numpy's round(RandomState(7).randn(6, 5) * 64) / 64, and values are
// numpy.linalg.svd's singular values of it.
var (
	matrix = []float32{1.6875, -0.46875, 0.03125, 0.40625, -0.78125, 0, 0, -1.75, 1.015625, 0.59375, -0.625, -0.171875, 0.5, -0.265625, -0.25,
		-1.453125, 0.546875, 0.125, 0.28125, -1.53125, 1.65625, 0.15625, -0.390625, 2.03125, -0.046875, -1.453125, -0.40625, -2.28125, 1.046875, -0.421875}
	values = []float64{3.587719657952358, 3.394078537130178, 1.9945642409589934, 1.0853191790040249, 0.4459555351805537}
)

// TestTail: the error of rank k is the root of the squares of the singular
// values that are left out; energies of 0.433, 0.820, 0.954 and 0.993 lie at
// ranks 1 to 4.
func TestTail(t *testing.T) {
	in := opstest.Model{{Info: tensor.Info{Name: "layer.0.mlp.up.weight", DType: tensor.F32, Shape: tensor.Shape{6, 5}}, Data: matrix}}
	for text, rank := range map[string]int{"1": 1, "2": 2, "4": 4, "5": 5, "9": 5, "{energy: 0.43}": 1, "{energy: 0.9}": 3, "{energy: 1}": 5, "{ratio: 0.4}": 2, "{threshold: 1}": 4, "{threshold: 3.5}": 1} {
		op := svdOp(t)
		out, err := opstest.Apply(op, opstest.Decode(t, op, "{model: a, rank: "+text+"}"), 0, opstest.Order{}, in)
		if err != nil {
			t.Fatal(err)
		}
		got, want := 0.0, 0.0
		for i, v := range out[0].Data {
			got += math.Pow(float64(v)-float64(matrix[i]), 2)
		}
		for _, s := range values[rank:] {
			want += s * s
		}
		if math.Abs(math.Sqrt(got)-math.Sqrt(want)) > 1e-6 {
			t.Errorf("rank %s: error %v, want %v", text, math.Sqrt(got), math.Sqrt(want))
		}
	}
}

// TestCancel: a decomposition that takes many seconds ends when its context does.
func TestCancel(t *testing.T) {
	const n = 2048
	info := tensor.Info{Name: "layer.0.mlp.up.weight", DType: tensor.F32, Shape: tensor.Shape{n, n}}
	in, out := ops.Matrix{Info: info, Data: make([]float32, n*n)}, ops.Matrix{Info: info, Data: make([]float32, n*n)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range in.Data {
		in.Data[i] = float32(r.NormFloat64())
	}
	op := svdOp(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	pass := &ops.Pass{Unit: ops.Unit{Out: []tensor.Info{info}}, In: []tensor.Info{info}}
	err := op.Whole.Run(ctx, opstest.Decode(t, op, "{model: a, rank: {energy: 0.9}}"), pass, []ops.Matrix{in}, []ops.Matrix{out})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it ended %v after it began", d)
	}
}
