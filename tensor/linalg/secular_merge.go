package linalg

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"
)

// leaf is the size that divide and conquer leaves to plain iteration.
const leaf = 32

// The kinds of rows in a problem of two halves: zero in the right half, zero in
// neither, zero in the left.
const (
	leftOnly = iota
	dense
	rightOnly
)

// merge is a step of divide and conquer: rows of orthogonal matrices that halves
// have filled, and the poles among them that the halves' coupling moves.
// Rows count from the start of the problem.
// Source: Gu and Eisenstat 1995, A divide-and-conquer algorithm for the
// symmetric tridiagonal eigenproblem, and for the bidiagonal SVD.
type merge struct {
	kind  []uint8   // of each row
	value []float64 // of each row: what it was, and in the end what it becomes
	z     []float64 // coupling of each row
	live  []int     // rows with coupling, by rising value
	dead  []int     // rows that keep their value
}

// sorted lists 0..len(values)-1 by rising value.
func sorted(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return order
}

// grouped lists the places in live by kind, and counts the first two kinds.
func (m *merge) grouped() (order []int, left, middle int) {
	count := [3]int{}
	for kind := range count {
		for place, row := range m.live {
			if int(m.kind[row]) == kind {
				order = append(order, place)
				count[kind]++
			}
		}
	}
	return order, count[leftOnly], count[dense]
}

// roots solves the equation for all roots; row i of diff gets the differences
// of the poles from root i, and the root as origin and distance.
func (j *job) roots(s *secular, diff []float64) (origin []int, mu []float64, ok bool) {
	k := len(s.d)
	origin, mu = make([]int, k), make([]float64, k)
	var failed atomic.Bool
	j.spans(k, max(1, (1<<14)/k), func(from, to int) {
		for i := from; i < to; i++ {
			var fine bool
			origin[i], mu[i], fine = s.root(i, diff[i*k:(i+1)*k])
			if !fine {
				failed.Store(true)
			}
		}
	})
	return origin, mu, !failed.Load()
}

// couplings computes the z for which the roots found are exact, by Loewner's
// formula; vectors made of it are orthogonal to working accuracy.
func (j *job) couplings(s *secular, diff, sign []float64) []float64 {
	k := len(s.d)
	z := make([]float64, k)
	j.spans(k, 128, func(from, to int) {
		out := z[from:to]
		for p := range out {
			out[p] = 1
		}
		for i := range k {
			row := diff[i*k+from : i*k+to]
			for p, v := range row {
				if i == from+p {
					out[p] *= -v
				} else {
					out[p] *= v / s.gap(from+p, i)
				}
			}
		}
		for p, v := range out {
			out[p] = math.Copysign(math.Sqrt(math.Abs(v)), sign[from+p])
		}
	})
	return z
}

// basis is one orthogonal matrix of a merge: its rows at q, where the halves
// meet, and how wide they are.
type basis struct {
	q            []float64
	ld           int
	split, width int
}

// turn replaces the live rows by the rows of turned (k x k, its columns in the
// grouped order) times them; the dead rows follow. The zeros of the halves are
// never multiplied. Work holds width^2 elements.
func (j *job) turn(b basis, m *merge, order []int, left, middle int, turned, work []float64) error {
	k, right := len(order), b.width-b.split
	nl, nr := left+middle, len(order)-left
	bl, work := work[:nl*b.split], work[nl*b.split:]
	br, rest := work[:nr*right], work[nr*right:]
	for p, place := range order {
		row := b.q[m.live[place]*b.ld:][:b.width]
		if p < nl {
			copy(bl[p*b.split:], row[:b.split])
		}
		if p >= left {
			copy(br[(p-left)*right:], row[b.split:])
		}
	}
	for p, row := range m.dead {
		copy(rest[p*b.width:], b.q[row*b.ld:][:b.width])
	}
	if err := j.multiply(false, false, k, b.split, nl, 1, turned, k, bl, b.split, 0, b.q, b.ld); err != nil {
		return err
	}
	if right > 0 {
		if err := j.multiply(false, false, k, right, nr, 1, turned[left:], k, br, right, 0, b.q[b.split:], b.ld); err != nil {
			return err
		}
	}
	for p := range m.dead {
		copy(b.q[(k+p)*b.ld:][:b.width], rest[p*b.width:][:b.width])
	}
	return nil
}
