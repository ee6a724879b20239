package linalg

import "fmt"

// Triangle says how a triangular matrix T enters an equation; the zero value is
// T X = B with T lower triangular.
type Triangle struct {
	Right bool // X op(T) = B instead of op(T) X = B
	Upper bool // T is upper triangular; the other half is never read
	Trans bool // op transposes
}

// SingularError says that a triangular matrix has a zero on its diagonal.
type SingularError struct{ Index int }

// Error names the place and a cure.
func (e *SingularError) Error() string {
	return fmt.Sprintf("the triangular matrix is singular: element %d of its diagonal is zero (add damping, or drop the dependent column)", e.Index)
}

// SolveTriangular overwrites the rows x cols matrix b with the X that solves
// the equation that kind names. T is n x n, n being rows, or cols when T stands
// on the right. Diagonal blocks of 64 are solved by substitution in float64 and
// the rest is products. Both matrices must be finite. Workers bounds the
// goroutines; 0 means one for each core.
// Source: the recursion of Elmroth, Gustavson, Jonsson and Kågström, "Recursive
// blocked algorithms and hybrid data structures" (SIAM Review 46, 2004).
func SolveTriangular[T float](kind Triangle, t []T, b []T, rows, cols, workers int) error {
	n := rows
	if kind.Right {
		n = cols
	}
	if err := checkMatrix(t, n, n, workers); err != nil {
		return err
	}
	if err := checkMatrix(b, rows, cols, workers); err != nil {
		return err
	}
	if err := checkDiagonal(t, n); err != nil {
		return err
	}
	s := solver[T]{kind, workers}
	s.solve(n, t, n, b, cols, rows+cols-n)
	return nil
}

func checkDiagonal[T float](t []T, n int) error {
	for i := range n {
		if t[i*n+i] == 0 {
			return &SingularError{i}
		}
	}
	return nil
}

// InvertTriangular overwrites the n x n lower triangular matrix t, or upper if
// so told, with its inverse. The other half is neither read nor written.
// Workers bounds the goroutines; 0 means one for each core.
func InvertTriangular[T float](upper bool, t []T, n, workers int) error {
	if err := checkMatrix(t, n, n, workers); err != nil {
		return err
	}
	if err := checkDiagonal(t, n); err != nil {
		return err
	}
	invertTriangle(upper, n, t, n, workers)
	return nil
}

// invertTriangle inverts halves after it has solved for the block that couples
// them.
func invertTriangle[T float](upper bool, n int, t []T, ld, workers int) {
	if n <= leaf {
		invertLeaf(upper, n, t, ld)
		return
	}
	h := half(n)
	low := t[h*ld+h:]
	above, below := t, low
	rows, cols, block := n-h, h, t[h*ld:]
	if upper {
		rows, cols, block = h, n-h, t[h:]
		above, below = low, t
	}
	solver[T]{Triangle{Upper: upper}, workers}.solve(rows, below, ld, block, ld, cols)
	solver[T]{Triangle{Upper: upper, Right: true}, workers}.solve(cols, above, ld, block, ld, rows)
	for i := range rows {
		for j := range cols {
			block[i*ld+j] = -block[i*ld+j]
		}
	}
	invertTriangle(upper, h, t, ld, workers)
	invertTriangle(upper, n-h, low, ld, workers)
}

// invertLeaf solves for the identity.
func invertLeaf[T float](upper bool, n int, t []T, ld int) {
	var x [leaf * leaf]T
	for i := range n {
		x[i*leaf+i] = 1
	}
	solver[T]{Triangle{Upper: upper}, 1}.solve(n, t, ld, x[:], leaf, n)
	for i := range n {
		from, to := 0, i+1
		if upper {
			from, to = i, n
		}
		copy(t[i*ld+from:i*ld+to], x[i*leaf+from:i*leaf+to])
	}
}
