package kernel

import "math"

// columnRows is how many rows are added in float32 before the sums are added in
// float64: the error then does not grow with the number of rows.
const columnRows = 256

// Columns is what is known of the columns of a matrix whose rows come bit by
// bit: the sums of x, x*x and |x|, and the least and the greatest x. Where a
// column holds NaN its sums are NaN and its extremes undefined.
type Columns struct {
	Sum, Squares, Abs []float64
	Min, Max          []float32
}

// NewColumns makes the sums of n columns of no rows; their extremes are plus
// and minus infinity.
func NewColumns(n int) *Columns {
	c := &Columns{make([]float64, n), make([]float64, n), make([]float64, n), make([]float32, n), make([]float32, n)}
	for i := range n {
		c.Min[i], c.Max[i] = float32(math.Inf(1)), float32(math.Inf(-1))
	}
	return c
}

// ColumnStep is how many columns Add takes at once: a cut of the columns at
// multiples of it costs nothing.
const ColumnStep = 32

// Add adds the columns from..to of rows whose beginnings are ld elements apart.
// Several goroutines may add different columns. The bits depend on how the rows
// are split over the calls, unless at multiples of 256.
func (c *Columns) Add(x []float32, rows, ld, from, to int) {
	for at := 0; at < rows; at += columnRows {
		n := min(columnRows, rows-at)
		part := x[at*ld:]
		j := from
		for end := from + body(to-from, 2); j < end; {
			j += c.vectors(part, n, ld, j)
		}
		for ; j < to; j++ {
			c.one(part, n, ld, j)
		}
	}
}

// vectors takes two vectors of columns from column j on and returns how many
// those are.
func (c *Columns) vectors(x []float32, rows, ld, j int) int {
	var out [5 * ColumnStep]float32
	width := ColumnStep
	if !wide() {
		width /= 2
	}
	_ = x[(rows-1)*ld+j+width-1]
	if wide() {
		columnsAVX512(&x[j], 4*ld, rows, &out[0])
	} else {
		columnsAVX2(&x[j], 4*ld, rows, &out[0])
	}
	for i := range width {
		c.take(j+i, out[i], out[width+i], out[2*width+i], out[3*width+i], out[4*width+i])
	}
	return width
}

// one is the scalar twin for one column.
func (c *Columns) one(x []float32, rows, ld, j int) {
	var sum, squares, abs float32
	least, most := float32(math.Inf(1)), float32(math.Inf(-1))
	for i := range rows {
		v := x[i*ld+j]
		sum += v
		squares += float32(v * v)
		abs += math.Float32frombits(MagnitudeBits(v))
		least, most = min(least, v), max(most, v)
	}
	c.take(j, sum, squares, abs, least, most)
}

func (c *Columns) take(j int, sum, squares, abs, least, most float32) {
	c.Sum[j] += float64(sum)
	c.Squares[j] += float64(squares)
	c.Abs[j] += float64(abs)
	c.Min[j], c.Max[j] = min(c.Min[j], least), max(c.Max[j], most)
}

// Join adds what another saw of the same columns.
func (c *Columns) Join(o *Columns) {
	for j := range c.Sum {
		c.Sum[j] += o.Sum[j]
		c.Squares[j] += o.Squares[j]
		c.Abs[j] += o.Abs[j]
		c.Min[j], c.Max[j] = min(c.Min[j], o.Min[j]), max(c.Max[j], o.Max[j])
	}
}
