package quantize

import (
	"fmt"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

type rtn struct {
	Model       schema.Ref `yaml:"model" previous:"" doc:"model to quantize"`
	Bits        int        `yaml:"bits" default:"4" check:"enum=4|8" doc:"bits of a code"`
	Symmetric   bool       `yaml:"symmetric" default:"true" doc:"no zero points"`
	GroupSize   int        `yaml:"group_size" default:"128" check:">=0" doc:"columns that share a scale; 0 for one scale a row"`
	Activations string     `yaml:"activations" default:"none" check:"enum=none|int8" doc:"int8 asks engines to quantize activations too, by token at run time (W8A8)"`
	Search      int        `yaml:"search" default:"0" check:"0..200" doc:"how many smaller scales to try for each group; the least squared error wins"`
}

func init() {
	ops.Add(&Set, ops.Spec[rtn]{
		Name: "quantize.rtn", Version: 1,
		Summary: "Rounds weights to the nearest of a few levels.",
		Doc: "Symmetric: scale = max|x| / (2^(bits-1) - 1/2), zero = 0. Asymmetric: the range from min(x, 0) to max(x, 0) is cut into 2^bits - 1 steps. " +
			"code = round(x / scale) + zero, to even at halves; value = (code - zero) * scale, in the tensor's dtype. " +
			"With search: k, scales shrunk in k steps down to half are tried and the one with the least squared error is kept.",
		Source:  "round to nearest, as llm-compressor's minmax observer; formats of compressed-tensors",
		Example: "op: quantize.rtn\nbits: 4\ngroup_size: 128\n",
		Where:   linears,
		Check:   check,
		Plan:    plan,
		Rows:    &ops.RowKernel[rtn]{Run: run},
	})
}

func check(p *rtn) []schema.Problem {
	if p.Activations == "int8" && (p.Bits != 8 || !p.Symmetric || p.GroupSize != 0) {
		return []schema.Problem{{Path: "activations", Msg: "int8 activations go with 8 bits, symmetric, one scale a row", Cure: "say bits: 8, symmetric: true, group_size: 0"}}
	}
	return nil
}

func plan(p *rtn, in []ops.Header) ([]ops.Unit, error) {
	units, err := ops.SameNames(in)
	for i := range units {
		info := &units[i].Out[0]
		if len(info.Shape) != 2 {
			return nil, fmt.Errorf("tensor %s has shape %v: only matrices can be quantized; leave it out with where", info.Name, info.Shape)
		}
		if p.GroupSize > 0 && info.Shape[1]%p.GroupSize != 0 {
			return nil, fmt.Errorf("tensor %s has %d columns, which groups of %d do not divide: choose another group_size, or leave it out with where", info.Name, info.Shape[1], p.GroupSize)
		}
		info.Quant = &tensor.Quant{Bits: p.Bits, Symmetric: p.Symmetric, GroupSize: p.GroupSize, Activations: p.Activations == "int8"}
	}
	return units, err
}

func run(p *rtn, x *ops.Pass, b *ops.Block) error {
	q := *x.Out().Quant
	for i := range b.Rows {
		row := b.X(0)[i*b.Cols : (i+1)*b.Cols]
		rec := codec.RecordAt(b.Rec, i, b.Cols, q)
		for g := range q.Groups(b.Cols) {
			from, to := rec.Span(g)
			if err := group(row[from:to], rec, g, from, q, x.Out().DType, p.Search); err != nil {
				return err
			}
		}
	}
	return nil
}

// group chooses the scale of one group and stores its codes.
func group(x []float32, rec codec.Record, g, from int, q tensor.Quant, d tensor.DType, search int) error {
	lo, hi := limits(x)
	if math.IsNaN(lo) || math.IsInf(lo, 0) || math.IsInf(hi, 0) {
		return fmt.Errorf("NaN or Inf cannot be quantized: mend the tensor first, or leave it out with where")
	}
	best, bestErr := grid{}, math.Inf(1)
	for k := 0; k <= search; k++ {
		shrink := 1 - 0.5*float64(k)/float64(max(search, 1))
		c := gridOf(lo*shrink, hi*shrink, q, d)
		e := 0.0
		if search > 0 {
			e = c.squaredError(x)
		}
		if e < bestErr {
			best, bestErr = c, e
		}
	}
	rec.SetScale(g, best.scale)
	if !q.Symmetric {
		rec.SetZero(g, int8(best.zero))
	}
	for j, v := range x {
		rec.SetCode(from+j, int8(best.code(v)))
	}
	return nil
}

func limits(x []float32) (lo, hi float64) {
	for _, v := range x {
		f := float64(v)
		if f != f {
			return f, f
		}
		lo, hi = min(lo, f), max(hi, f)
	}
	return lo, hi
}

// grid is the levels of one group.
type grid struct {
	scale  float32
	zero   int
	lo, hi int
}

// gridOf covers the range. The scale is rounded to the dtype in which it is
// stored, so that reader and writer mean the same levels.
func gridOf(lo, hi float64, q tensor.Quant, d tensor.DType) grid {
	g := grid{}
	g.lo, g.hi = q.Range()
	scale := (hi - lo) / float64(g.hi-g.lo)
	if q.Symmetric {
		scale = max(hi, -lo) / (float64(g.hi-g.lo) / 2)
	}
	g.scale = stored(float32(scale), d)
	if !q.Symmetric {
		g.zero = clamp(int(math.RoundToEven(float64(g.lo)-lo/float64(g.scale))), g.lo, g.hi)
	}
	return g
}

// stored rounds a scale to its dtype; a group of zeros, or of values too small
// for the dtype, takes the scale one.
func stored(s float32, d tensor.DType) float32 {
	v := []float32{s}
	codec.Round(v, d)
	if v[0] == 0 || math.IsInf(float64(v[0]), 0) {
		return 1
	}
	return v[0]
}

func (g grid) code(v float32) int {
	return clamp(int(math.RoundToEven(float64(v/g.scale)))+g.zero, g.lo, g.hi)
}

func (g grid) squaredError(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		e := float64(v) - float64(float32(g.code(v)-g.zero)*g.scale)
		sum += e * e
	}
	return sum
}

func clamp(v, lo, hi int) int { return min(max(v, lo), hi) }
