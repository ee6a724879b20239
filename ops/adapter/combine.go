package adapter

import (
	"context"
	"errors"
	"math"
	"strconv"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/kernel/gemm"
	"github.com/rouxml/roux/tensor/linalg"
	"github.com/rouxml/roux/tensor/rng"
)

// member is one adapter's part in a module.
type member struct {
	port int // of the step, for draws
	rank int
	a, b []float32

	weight, scale float64
}

// c is what the product of the factors counts for.
func (m member) c() float64 { return m.weight * m.scale }

func mergeRun(ctx context.Context, p *merge, x *ops.Pass, in, out []ops.Matrix) error {
	if x.Unit.Args[0] == carry {
		copy(out[0].Data, in[0].Data)
		return nil
	}
	j := joint{p: p, x: x, a: out[0].Data, b: out[1].Data, rank: out[0].Info.Shape[0], outputs: out[1].Info.Shape[0]}
	j.inputs = len(j.a) / j.rank
	for i := 0; i < len(in); i += 2 {
		port := x.Unit.In[i].Port
		if w := p.Models[port].Weight.Value(); w != 0 {
			j.members = append(j.members, member{port, in[i].Info.Shape[0], in[i].Data, in[i+1].Data, w, x.Unit.Args[1+i/2]})
		}
	}
	clear(j.a)
	clear(j.b)
	if len(j.members) == 0 {
		return nil
	}
	switch {
	case p.dense():
		return j.products(ctx)
	case p.Method == "svd":
		return j.svd(ctx)
	case p.Method == "cat":
		j.cat(j.a, j.b, j.rank)
		return nil
	}
	return j.elements()
}

// joint is the work on one module.
type joint struct {
	p               *merge
	x               *ops.Pass
	members         []member
	a, b            []float32 // of the result
	rank            int
	inputs, outputs int
}

// cat stacks c A and B into factors of that rank.
func (j *joint) cat(a, b []float32, rank int) {
	at := 0
	for _, m := range j.members {
		kernel.ScaleTo(a[at*j.inputs:(at+m.rank)*j.inputs], float32(m.c()), m.a)
		for i := range j.outputs {
			copy(b[i*rank+at:], m.b[i*m.rank:(i+1)*m.rank])
		}
		at += m.rank
	}
}

// elements merges the factors each by themselves.
func (j *joint) elements() error {
	a, b := make([]series, len(j.members)), make([]series, len(j.members))
	for i, m := range j.members {
		root := math.Sqrt(math.Abs(m.c()))
		a[i] = series{x: m.a, w: float32(math.Copysign(root, m.c())), key: j.key(m, "A")}
		b[i] = series{x: m.b, w: float32(root), key: j.key(m, "B")}
	}
	return errors.Join(j.mix(a).into(j.a), j.mix(b).into(j.b))
}

func (j *joint) key(m member, factor string) rng.Key {
	return j.x.Key("model "+strconv.Itoa(m.port)+" "+factor, "drop")
}

// mix is how the method sums its series.
func (j *joint) mix(list []series) mix {
	m := mix{list: list, random: j.p.dare(), elect: j.p.ties(), count: j.p.Sign == "frequency", density: 1}
	if j.p.sparse() {
		m.density = j.p.Density.Value()
	}
	return m
}

// svd approximates the sum of the products from their factors: of the stacked
// ones B A = Q_B (R_B R_A') Q_A', only the small matrix in the middle is
// decomposed.
func (j *joint) svd(ctx context.Context) error {
	sum := 0
	for _, m := range j.members {
		sum += m.rank
	}
	a, b := make([]float32, sum*j.inputs), make([]float32, j.outputs*sum)
	j.cat(a, b, sum)
	left, err := linalg.QR(ctx, wide(b), j.outputs, sum)
	if err != nil {
		return err
	}
	right, err := linalg.QR(ctx, turn(a, sum), j.inputs, sum)
	if err != nil {
		return err
	}
	k, l := min(j.outputs, sum), min(j.inputs, sum)
	core := make([]float64, k*l)
	gemm.F64(false, true, k, l, sum, 1, left.R, sum, right.R, sum, 0, core, l, cpu.Workers(ctx))
	d, err := linalg.Decompose(ctx, core, k, l)
	if err != nil {
		return err
	}
	return j.expand(ctx, d, left, right)
}

// expand writes the first triplets of the core, brought back by both bases:
// B = U S and A = V', as PEFT parts them.
func (j *joint) expand(ctx context.Context, d *linalg.SVD, left, right *linalg.QRFactors[float64]) error {
	n := min(j.rank, len(d.S))
	u, v := make([]float64, j.outputs*n), make([]float64, j.inputs*n)
	for i := range d.U.Rows {
		for k := range n {
			u[i*n+k] = d.U.At(i, k) * d.S[k]
		}
	}
	for i := range d.Vt.Cols {
		for k := range n {
			v[i*n+k] = d.Vt.At(k, i)
		}
	}
	if err := errors.Join(left.Apply(ctx, false, u, n), right.Apply(ctx, false, v, n)); err != nil {
		return err
	}
	for i := range j.outputs {
		for k := range n {
			j.b[i*j.rank+k] = float32(u[i*n+k])
		}
	}
	for i := range j.inputs {
		for k := range n {
			j.a[k*j.inputs+i] = float32(v[i*n+k])
		}
	}
	return nil
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// turn is the transpose of x, of that many rows, in float64.
func turn(x []float32, rows int) []float64 {
	cols := len(x) / rows
	out := make([]float64, len(x))
	for i := range rows {
		for k := range cols {
			out[k*rows+i] = float64(x[i*cols+k])
		}
	}
	return out
}

// products merges the dense products, whose elements the method looks at, and
// approximates the result. One product is held at a time, computed twice.
func (j *joint) products(ctx context.Context) error {
	list := make([]series, len(j.members))
	for i, m := range j.members {
		list[i] = series{w: float32(m.weight), key: j.key(m, "product"),
			make: func(dst []float32) {
				gemm.F32(false, false, j.outputs, j.inputs, m.rank, float32(m.scale), m.b, m.rank, m.a, j.inputs, 0, dst, j.inputs, cpu.Workers(ctx))
			}}
	}
	sum := make([]float32, j.outputs*j.inputs)
	if err := j.mix(list).into(sum); err != nil {
		return err
	}
	d, err := linalg.Truncate(ctx, sum, j.outputs, j.inputs, j.rank, linalg.Method(j.p.Decompose))
	if err != nil {
		return err
	}
	copy(j.a, d.Vt)
	for i := range j.outputs {
		for k := range d.Rank {
			j.b[i*j.rank+k] = d.U[i*d.Rank+k] * float32(d.S[k])
		}
	}
	return nil
}
