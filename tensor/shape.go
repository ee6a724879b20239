package tensor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Shape lists the dimensions of a tensor, outermost first. An empty Shape is
// a scalar of one element.
type Shape []int

// Numel returns the number of elements. It is only right for a shape that
// Check accepts.
func (s Shape) Numel() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Check refuses negative dimensions and sizes that overflow an int.
func (s Shape) Check() error {
	n := 1
	for _, d := range s {
		if d < 0 {
			return fmt.Errorf("shape %v has a negative dimension", s)
		}
		if d > 0 && n > math.MaxInt/16/d {
			return fmt.Errorf("shape %v has more elements than can be addressed", s)
		}
		n *= d
	}
	return nil
}

// Cols returns the size of the last dimension, the length of one row; a
// scalar has one column.
func (s Shape) Cols() int {
	if len(s) == 0 {
		return 1
	}
	return s[len(s)-1]
}

// Rows returns how many rows of Cols elements the tensor has. A vector is one
// row.
func (s Shape) Rows() int {
	n := 1
	for i := 0; i < len(s)-1; i++ {
		n *= s[i]
	}
	return n
}

// Lines returns how many rows there are for a table by row: of a vector, which
// Rows counts as one, its elements.
func (s Shape) Lines() int {
	if len(s) == 1 {
		return s[0]
	}
	return s.Rows()
}

// Equal says whether both have the same dimensions.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// String returns a form such as "[4096, 1024]".
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.Itoa(d)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
