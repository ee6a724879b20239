package lora

import (
	"math"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// Delta is what an adapter does to one weight W of Rows x Cols, in float32:
// W + Scale * Left * Right, and with magnitudes (DoRA: Liu et al. 2024,
// "DoRA: Weight-Decomposed Low-Rank Adaptation") that sum with the norm of each
// of the module's outputs brought to its magnitude.
type Delta struct {
	Rank, Cols int
	Scale      float32
	Left       []float32 // rows of W x Rank
	Right      []float32 // Rank x Cols
	Magnitude  []float32 // nil without DoRA
	// Columns says that the outputs are W's columns and not its rows; Factors
	// are then needed beforehand, and are the magnitude of each column over
	// its norm: see Scan.
	Columns bool
	Factors []float32
	// Workers bounds the goroutines; 0 means one for each core.
	Workers int
}

// NewDelta takes the factors A, rank x in, and B, out x rank, which it keeps.
func NewDelta(a, b []float32, rank int, scale float64, transposed bool) *Delta {
	d := &Delta{Rank: rank, Scale: float32(scale), Left: b, Right: a, Columns: transposed}
	if transposed { // (B A)' = A' B'
		d.Left, d.Right = transpose(a, rank), transpose(b, len(b)/rank)
	}
	d.Cols = len(d.Right) / rank
	return d
}

// Add changes n rows of W from the given one on.
func (d *Delta) Add(w []float32, from, n int) {
	d.sum(w, from, n)
	switch {
	case d.Magnitude == nil:
	case d.Columns:
		for i := range n {
			row := w[i*d.Cols : (i+1)*d.Cols]
			for j, f := range d.Factors {
				row[j] *= f
			}
		}
	default:
		for i := range n {
			row := w[i*d.Cols : (i+1)*d.Cols]
			f := d.Magnitude[from+i] / float32(math.Sqrt(squares(row)))
			for j := range row {
				row[j] *= f
			}
		}
	}
}

func (d *Delta) sum(w []float32, from, n int) {
	gemm.F32(false, false, n, d.Cols, d.Rank, d.Scale, d.Left[from*d.Rank:], d.Rank, d.Right, d.Cols, 1, w, d.Cols, d.Workers)
}

// NeedsFactors says whether the norms of columns must be known before Add.
func (d *Delta) NeedsFactors() bool { return d.Magnitude != nil && d.Columns && d.Factors == nil }

// Norms is the sum of the squares of each column so far.
type Norms []float64

// Scan adds n rows of W from the given one on, which it overwrites, to norms of
// columns; Finish then makes factors of them. Rows must come in order.
func (d *Delta) Scan(norms Norms, w []float32, from, n int) {
	d.sum(w, from, n)
	for i := range n {
		for j, v := range w[i*d.Cols : (i+1)*d.Cols] {
			norms[j] += float64(v) * float64(v)
		}
	}
}

// Finish makes factors of the norms of all rows.
func (d *Delta) Finish(norms Norms) {
	d.Factors = make([]float32, d.Cols)
	for j, s := range norms {
		d.Factors[j] = d.Magnitude[j] / float32(math.Sqrt(s))
	}
}

func squares(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

func transpose(x []float32, rows int) []float32 {
	cols := len(x) / rows
	out := make([]float32, len(x))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = x[i*cols+j]
		}
	}
	return out
}
