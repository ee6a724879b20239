package linalg

import (
	"context"
	"math"
)

// Assign matches each row of the rows x cols matrix of costs with a column of
// its own, or each column with a row where there are fewer columns, so that the
// sum of the costs is least, or most if maximise. It returns the column of each
// row, -1 for rows left over, and the sum. Of equal choices the first row takes
// the first column that the search reaches, the same on every machine.
// It takes time for min(rows, cols)^2 * max(rows, cols) steps at worst.
// Source: Crouse, "On implementing 2D rectangular assignment algorithms" (IEEE
// Trans. Aerospace and Electronic Systems 52, 2016), after Jonker and Volgenant,
// "A shortest augmenting path algorithm for dense and sparse linear assignment
// problems" (Computing 38, 1987).
func Assign[T float](ctx context.Context, costs []T, rows, cols int, maximise bool) (column []int, sum float64, err error) {
	j := newJob(ctx)
	if err := checkMatrix(costs, rows, cols, j); err != nil {
		return nil, 0, err
	}
	few, many := min(rows, cols), max(rows, cols)
	a := newAssignment(few, many)
	if rows <= cols {
		copy(a.cost, convertTo[float64](costs))
	} else {
		transpose(a.cost, rows, costs, cols, rows, cols)
	}
	if maximise {
		negate(a.cost)
	}
	for i := range few {
		if err := j.cancelled(); err != nil {
			return nil, 0, err
		}
		a.augment(i)
	}
	column = a.columnOf
	if rows > cols {
		column = a.rowOf
	}
	for i, c := range column {
		if c >= 0 {
			sum += float64(costs[i*cols+c])
		}
	}
	return column, sum, nil
}

// assignment is a matching that grows by one row at a time, with dual prices
// under which no reduced cost is negative and those of matched pairs are zero.
type assignment struct {
	few, many        int
	cost             []float64 // few x many
	price, priceOf   []float64 // of rows and of columns
	columnOf, rowOf  []int     // -1 while free
	distance         []float64 // of columns from the row that is being added
	parent           []int     // the row from which a column was reached
	open             []int     // columns not yet reached for good, in order
	reachedRow, done []int
}

func newAssignment(few, many int) *assignment {
	a := &assignment{
		few: few, many: many, cost: make([]float64, few*many),
		price: make([]float64, few), priceOf: make([]float64, many),
		columnOf: make([]int, few), rowOf: make([]int, many),
		distance: make([]float64, many), parent: make([]int, many), open: make([]int, many),
	}
	for i := range a.columnOf {
		a.columnOf[i] = -1
	}
	for i := range a.rowOf {
		a.rowOf[i] = -1
	}
	return a
}

// augment matches one more row along the shortest path to a free column.
func (a *assignment) augment(start int) {
	end, length := a.shortestPath(start)
	a.price[start] += length
	for _, i := range a.reachedRow[1:] {
		a.price[i] += length - a.distance[a.columnOf[i]]
	}
	for _, c := range a.done {
		a.priceOf[c] -= length - a.distance[c]
	}
	for c := end; ; {
		i := a.parent[c]
		a.rowOf[c] = i
		a.columnOf[i], c = c, a.columnOf[i]
		if i == start {
			return
		}
	}
}

// shortestPath finds the nearest free column by Dijkstra's method.
func (a *assignment) shortestPath(start int) (end int, length float64) {
	a.open = a.open[:a.many]
	for c := range a.open {
		a.open[c], a.distance[c] = c, math.Inf(1)
	}
	a.reachedRow, a.done = append(a.reachedRow[:0], start), a.done[:0]
	for i := start; ; {
		at := a.relax(i, length)
		end = a.open[at]
		length = a.distance[end]
		if a.rowOf[end] < 0 {
			return end, length
		}
		a.open[at] = a.open[len(a.open)-1]
		a.open = a.open[:len(a.open)-1]
		i = a.rowOf[end]
		a.reachedRow, a.done = append(a.reachedRow, i), append(a.done, end)
	}
}

// relax shortens the distances of open columns through row i and returns the
// place in open of the nearest; of equals a free one, then the lowest.
func (a *assignment) relax(i int, length float64) (at int) {
	row := a.cost[i*a.many : (i+1)*a.many]
	base := length - a.price[i]
	nearest := math.Inf(1)
	for place, c := range a.open {
		d := base + row[c] - a.priceOf[c]
		if d < a.distance[c] {
			a.distance[c], a.parent[c] = d, i
		}
		d = a.distance[c]
		if d < nearest || d == nearest && a.before(c, a.open[at]) {
			nearest, at = d, place
		}
	}
	return at
}

func (a *assignment) before(c, d int) bool {
	if free := a.rowOf[c] < 0; free != (a.rowOf[d] < 0) {
		return free
	}
	return c < d
}
