package evaluate

import (
	"fmt"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type compare struct {
	Reference schema.Ref   `yaml:"reference" doc:"model that the others are held against"`
	Models    []schema.Ref `yaml:"models" check:"min=1" doc:"models to measure"`
}

func init() {
	ops.Add(&Set, ops.Spec[compare]{
		Name: "evaluate.compare", Version: 2,
		Metrics: "relative_error cosine snr_db sparsity changed max_abs bytes tensors",
		Summary: "Measures how far models are from a reference, weight by weight.",
		Doc: "For every model, per tensor and in total: relative_error |x-r|/|r| (2-norms), cosine, snr_db = 20 log10(|r|/|x-r|), sparsity (share of zeros), " +
			"changed (share of elements that differ), max_abs (largest difference), bytes as stored, and tensors. Gates read step.model.metric.",
		Source:  "definitions of numerical analysis",
		Example: "op: evaluate.compare\nreference: base\nmodels: [pruned, w4]\n",
		Check:   func(p *compare) []schema.Problem { return twice(p.Models) },
		Plan:    plan,
		Measure: &ops.MeasureKernel[compare]{Sums: sums, Join: join, Finish: finish},
	})
}

// plan measures every float tensor that all models have; others are counted by
// Finish alone.
func plan(_ *compare, in []ops.Header) ([]ops.Unit, error) { return ops.SameNames(in) }

// The accumulators of one model in one tensor.
const (
	diff2 = iota
	self2
	dot
	zeros
	changed
	largest
	each
)

// sums holds the reference's squares first, then the accumulators of each
// model.
func sums(p *compare, _ *ops.Pass, b *ops.Block) ([]float64, error) {
	out := make([]float64, 1+each*len(p.Models))
	ref := b.X(0)
	for _, r := range ref {
		out[0] += float64(r) * float64(r)
	}
	for m := range p.Models {
		one(out[1+m*each:1+(m+1)*each], ref, b.X(m+1))
	}
	return out, nil
}

func one(s []float64, ref, x []float32) {
	for i, v := range x {
		r, f := float64(ref[i]), float64(v)
		d := f - r
		s[diff2] += d * d
		s[self2] += f * f
		s[dot] += r * f
		if v == 0 {
			s[zeros]++
		}
		if v != ref[i] {
			s[changed]++
		}
		s[largest] = max(s[largest], math.Abs(d))
	}
}

func join(into, later []float64) {
	for i, v := range later {
		if i > 0 && (i-1)%each == largest {
			into[i] = max(into[i], v)
		} else {
			into[i] += v
		}
	}
}

var columns = []string{"relative_error", "cosine", "snr_db", "sparsity", "changed", "max_abs"}

func finish(p *compare, in []ops.Header, records []ops.Record) (ops.Metrics, error) {
	m := ops.Metrics{Values: map[string]map[string]float64{}}
	for k, model := range p.Models {
		table := ops.Table{Title: fmt.Sprintf("%s against %s", model.Name, p.Reference.Name), Columns: columns}
		var total []float64
		elements := 0.0
		for _, r := range records {
			if r.Sums == nil {
				continue
			}
			n := float64(r.Unit.Out[0].Shape.Numel())
			own := append([]float64{r.Sums[0]}, r.Sums[1+k*each:1+(k+1)*each]...)
			table.Rows = append(table.Rows, ops.TableRow{Name: r.Unit.Out[0].Name, Values: metrics(own, n)})
			elements += n
			if total == nil {
				total = own
			} else {
				join(total, own)
			}
		}
		m.Tables = append(m.Tables, table)
		m.Values[model.Name] = totals(total, elements, in[k+1].Infos)
	}
	return m, nil
}

func totals(sums []float64, n float64, infos []tensor.Info) map[string]float64 {
	out := map[string]float64{"tensors": float64(len(infos))}
	for _, info := range infos {
		out["bytes"] += float64(stored(info))
	}
	if sums == nil {
		return out
	}
	for i, v := range metrics(sums, n) {
		out[columns[i]] = v
	}
	return out
}

// stored is what a tensor takes in a file: codes packed, scales in the
// tensor's dtype.
func stored(info tensor.Info) int64 {
	if info.Quant == nil || info.Quant.Block != tensor.NoBlock {
		return info.Bytes()
	}
	rows, cols := int64(info.Shape.Rows()), int64(info.Shape.Cols())
	groups := rows * int64(info.Quant.Groups(int(cols)))
	n := (rows*cols*int64(info.Quant.Bits)+7)/8 + groups*int64(info.DType.Size())
	if !info.Quant.Symmetric {
		n += groups * int64(info.Quant.Bits) / 8
	}
	return n
}

// capped stands for an infinite ratio, which JSON cannot hold: 400 dB is far
// beyond what float32 can tell apart.
const capped = 400

// metrics turns the reference's squares and one model's sums into columns.
func metrics(s []float64, n float64) []float64 {
	ref2, own := s[0], s[1:]
	relative, cosine, snr := math.Sqrt(own[diff2]/ref2), own[dot]/math.Sqrt(ref2*own[self2]), 10*math.Log10(ref2/own[diff2])
	switch { // what is NaN in any of the sums stays NaN, which passes no gate
	case own[diff2] == 0:
		relative, cosine, snr = 0, 1, capped
	case ref2 == 0:
		relative, cosine, snr = 1, 0, -capped
	case own[self2] == 0:
		cosine = 0
	}
	return []float64{relative, cosine, snr, own[zeros] / n, own[changed] / n, own[largest]}
}
