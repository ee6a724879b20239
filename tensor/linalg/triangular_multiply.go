package linalg

// multiplyTriangle overwrites the n x cols matrix b with op(T) B. It reads one
// triangle of t; kind.Right has no meaning here.
func multiplyTriangle[T float](kind Triangle, n, cols int, t []T, ldt int, b []T, ldb int, j *job) {
	if n <= solveLeaf {
		multiplyLeaf(kind, n, cols, t, ldt, b, ldb, j)
		return
	}
	h := half(n)
	second, rest, corner := b[h*ldb:], t[h*ldt+h:], t[h*step(!kind.Upper, ldt):]
	if kind.Upper == kind.Trans {
		multiplyTriangle(kind, n-h, cols, rest, ldt, second, ldb, j)
		product(kind.Trans, false, n-h, cols, h, 1, corner, ldt, b, ldb, 1, second, ldb, j)
		multiplyTriangle(kind, h, cols, t, ldt, b, ldb, j)
		return
	}
	multiplyTriangle(kind, h, cols, t, ldt, b, ldb, j)
	product(kind.Trans, false, h, cols, n-h, 1, corner, ldt, second, ldb, 1, b, ldb, j)
	multiplyTriangle(kind, n-h, cols, rest, ldt, second, ldb, j)
}

func multiplyLeaf[T float](kind Triangle, n, cols int, t []T, ldt int, b []T, ldb int, j *job) {
	whole, copied := make([]T, n*n), make([]T, n*cols)
	for i := range n {
		from, to := triangleRow(kind.Upper, i, n)
		copy(whole[i*n+from:i*n+to], t[i*ldt+from:i*ldt+to])
		copy(copied[i*cols:(i+1)*cols], b[i*ldb:])
	}
	product(kind.Trans, false, n, cols, n, 1, whole, n, copied, cols, 0, b, ldb, j)
}

// triangleRow is where row i of a triangle of size n begins and ends.
func triangleRow(upper bool, i, n int) (from, to int) {
	if upper {
		return i, n
	}
	return 0, i + 1
}
