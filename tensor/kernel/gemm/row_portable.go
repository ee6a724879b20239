package gemm

import (
	"math"
	"unsafe"
)

// portableRows are the loops of one row in plain Go, with the sums of
// portableTile; blocks are decoded first.
var portableRows = map[string]rowLoop{
	"F32": portableRow(16, func(dst []float32, src *byte) {
		copy(dst, span((*float32)(unsafe.Pointer(src)), len(dst)))
	}),
	"BF16": portableRow(32, func(dst []float32, src *byte) {
		in := span(src, 2*len(dst))
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(in[2*i])<<16 | uint32(in[2*i+1])<<24)
		}
	}),
	"F16": portableRow(32, func(dst []float32, src *byte) {
		in := span(src, 2*len(dst))
		for i := range dst {
			dst[i] = F16.at(in, i)
		}
	}),
}

// portableRow is the loop for rows of so many values in 64 bytes.
func portableRow(values int, widen func(dst []float32, src *byte)) rowLoop {
	const bytes, step = 64, 512
	return rowLoop{bytes, values, func(y, x *float32, rows, _ *byte, ld, blocks int, alpha float32) {
		xs, ys, in := span(x, blocks*values), span(y, rowsTogether), span(rows, (rowsTogether-1)*ld+blocks*bytes)
		for i := 0; i < rowsTogether; i += 4 {
			for p := 0; p < blocks; p += step / values {
				var sums [4]float32
				for b := p; b < min(blocks, p+step/values); b++ {
					var w [4][32]float32
					for r := range w {
						widen(w[r][:values], &in[(i+r)*ld+b*bytes])
					}
					fourSums(&sums, xs[b*values:(b+1)*values], &w)
				}
				for r, s := range sums {
					ys[i+r] += float32(alpha * s)
				}
			}
		}
	}}
}

// fourSums adds the products of x with four rows.
func fourSums(sums *[4]float32, x []float32, w *[4][32]float32) {
	s0, s1, s2, s3 := sums[0], sums[1], sums[2], sums[3]
	for j, v := range x {
		s0 += v * w[0][j]
		s1 += v * w[1][j]
		s2 += v * w[2][j]
		s3 += v * w[3][j]
	}
	*sums = [4]float32{s0, s1, s2, s3}
}
