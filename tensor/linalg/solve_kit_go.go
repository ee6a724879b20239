package linalg

import "math"

// lanes is how many right sides forward solves for at a time.
const lanes = 32

// forwardGo is the scalar twin of the assembly, with its bits.
func forwardGo(n int, l, x []float64) {
	for i := range n {
		row := x[i*lanes:][:lanes]
		for j, factor := range l[i*n : i*n+i] {
			for k, v := range x[j*lanes:][:lanes] {
				row[k] = math.FMA(-factor, v, row[k])
			}
		}
		for k := range row {
			row[k] /= l[i*n+i]
		}
	}
}
