package linalg

import (
	"errors"
	"fmt"
	"math"
)

// Matrix is a dense row-major matrix: element (i, j) is Data[i*Cols+j].
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// NewMatrix is a rows x cols matrix of zeros.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Data: make([]float64, rows*cols)}
}

// At is element (i, j).
func (m Matrix) At(i, j int) float64 { return m.Data[i*m.Cols+j] }

// Row is row i; it shares memory with the matrix.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

// ErrNotFinite refuses matrices with NaN or Inf.
var ErrNotFinite = errors.New("the matrix has NaN or Inf elements: mend the tensor first, or leave it out with where")

// ErrOverflow refuses to return values beyond float64.
var ErrOverflow = errors.New("the matrix has elements so large that its singular values or eigenvalues overflow float64: scale it first")

// rescale multiplies the values by factor.
func rescale(values []float64, factor float64) error {
	scale(values, factor)
	if factor > 1 && math.IsInf(largest(values), 1) {
		return ErrOverflow
	}
	return nil
}

// widened checks the size and the elements of a row-major rows x cols matrix
// and copies it into float64, divided by the power of two scale that keeps
// squares of its largest elements far from overflow and underflow. A wide
// matrix comes out transposed.
func widened[T float32 | float64](a []T, rows, cols int) (m Matrix, scale float64, err error) {
	if err := checkSize(len(a), rows, cols); err != nil {
		return Matrix{}, 0, err
	}
	largest := 0.0
	for _, v := range a {
		if v-v != 0 {
			return Matrix{}, 0, ErrNotFinite
		}
		largest = max(largest, math.Abs(float64(v)))
	}
	scale = 1
	if largest > 0 && (largest < 1e-60 || largest > 1e60) {
		_, exp := math.Frexp(largest)
		scale = math.Ldexp(1, exp-1)
	}
	if rows < cols {
		m = NewMatrix(cols, rows)
		transpose(m.Data, rows, a, cols, rows, cols)
	} else {
		m = NewMatrix(rows, cols)
		for i, v := range a {
			m.Data[i] = float64(v)
		}
	}
	if scale != 1 {
		for i, v := range m.Data {
			m.Data[i] = v / scale
		}
	}
	return m, scale, nil
}

func checkSize(elements, rows, cols int) error {
	switch {
	case rows < 0 || cols < 0:
		return fmt.Errorf("a matrix cannot be %d x %d", rows, cols)
	case cols > 0 && rows > math.MaxInt/8/cols:
		return fmt.Errorf("a matrix of %d x %d does not fit the address space", rows, cols)
	case elements != rows*cols:
		return fmt.Errorf("%d elements do not make a matrix of %d x %d", elements, rows, cols)
	}
	return nil
}

// transpose writes the transpose of the rows x cols matrix a (leading dimension
// lda) to b (leading dimension ldb), in squares that fit the first cache.
func transpose[U, T float32 | float64](b []U, ldb int, a []T, lda, rows, cols int) {
	const tile = 16
	for i0 := 0; i0 < rows; i0 += tile {
		i1 := min(i0+tile, rows)
		for j0 := 0; j0 < cols; j0 += tile {
			for j := j0; j < min(j0+tile, cols); j++ {
				to := b[j*ldb+i0 : j*ldb+i1]
				for i := range to {
					to[i] = U(a[(i0+i)*lda+j])
				}
			}
		}
	}
}

// permuteRows puts row order[i] of m in place i, with one spare row.
func permuteRows(m Matrix, order []int) {
	spare := make([]float64, m.Cols)
	done := make([]bool, len(order))
	for start := range order {
		if done[start] || order[start] == start {
			continue
		}
		copy(spare, m.Row(start))
		at := start
		for ; order[at] != start; at = order[at] {
			copy(m.Row(at), m.Row(order[at]))
			done[at] = true
		}
		copy(m.Row(at), spare)
		done[at] = true
	}
}

func (m Matrix) transposed() Matrix {
	out := NewMatrix(m.Cols, m.Rows)
	transpose(out.Data, m.Rows, m.Data, m.Cols, m.Rows, m.Cols)
	return out
}
