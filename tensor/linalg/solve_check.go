package linalg

import (
	"errors"
	"fmt"
	"math"
)

// ErrSize refuses dimensions that are negative, overflow an int or do not
// match the elements given.
var ErrSize = errors.New("the sizes do not make a matrix")

// checkDims checks that elements make a rows x cols matrix.
func checkDims(elements, rows, cols int) error {
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/cols {
		return fmt.Errorf("%d x %d: %w", rows, cols, ErrSize)
	}
	if elements != rows*cols {
		return fmt.Errorf("%d elements for %d x %d: %w", elements, rows, cols, ErrSize)
	}
	return nil
}

// checkMatrix refuses a matrix of the wrong size or with NaN or Inf.
func checkMatrix[T float](a []T, rows, cols, workers int) error {
	if err := checkDims(len(a), rows, cols); err != nil {
		return err
	}
	if !finite(a, workers) {
		return ErrNotFinite
	}
	return nil
}

// finite reports whether a holds neither NaN nor Inf.
func finite[T float](a []T, workers int) bool {
	const span = 1 << 16
	spans := (len(a) + span - 1) / span
	bad := make([]bool, spans)
	share(workers, spans, func(i int) { bad[i] = !finiteSpan(a[i*span : min((i+1)*span, len(a))]) })
	for _, b := range bad {
		if b {
			return false
		}
	}
	return true
}

// finiteSpan sums the differences of elements with themselves, which are zero
// or NaN.
func finiteSpan[T float](a []T) bool {
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
