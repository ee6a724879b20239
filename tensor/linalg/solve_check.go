package linalg

// checkMatrix refuses a matrix of the wrong size or with NaN or Inf.
func checkMatrix[T float](a []T, rows, cols int, j *job) error {
	if err := checkSize(len(a), rows, cols); err != nil {
		return err
	}
	return checkRows(rows, func(i int) []T { return a[i*cols : (i+1)*cols] }, j)
}

// checkTriangle is checkMatrix for a square matrix of which only one triangle
// counts.
func checkTriangle[T float](upper bool, a []T, n int, j *job) error {
	if err := checkSize(len(a), n, n); err != nil {
		return err
	}
	return checkRows(n, func(i int) []T {
		from, to := triangleRow(upper, i, n)
		return a[i*n+from : i*n+to]
	}, j)
}

func checkRows[T float](rows int, row func(i int) []T, j *job) error {
	good := make([]bool, rows)
	j.spans(rows, 32, func(from, to int) {
		for i := from; i < to; i++ {
			good[i] = finite(row(i))
		}
	})
	for _, ok := range good {
		if !ok {
			return ErrNotFinite
		}
	}
	return nil
}

// finite reports whether a holds neither NaN nor Inf: it sums the differences
// of elements with themselves, which are zero or NaN.
func finite[T float](a []T) bool {
	var s0, s1, s2, s3 T
	for ; len(a) >= 4; a = a[4:] {
		s0 += a[0] - a[0]
		s1 += a[1] - a[1]
		s2 += a[2] - a[2]
		s3 += a[3] - a[3]
	}
	for _, v := range a {
		s0 += v - v
	}
	return s0+s1+s2+s3 == 0
}
