package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns sums two vectors of columns down the rows.
func (s isa) columns() {
	s.begin("columns", "func(x *float32, ld, rows int, out *float32)")
	Doc("columns writes, for the columns of two vectors, the sums of x, x*x and |x|, the least and the greatest x, each behind the other; ld is in bytes and rows not zero.")
	x, ld, rows, out := ptr("x"), ptr("ld"), ptr("rows"), ptr("out")
	abs := s.splat(0x7fffffff)
	var sums [5][2]reg.VecVirtual
	for j := range 2 {
		for q := range 3 {
			sums[q][j] = s.zero()
		}
		sums[3][j] = s.splat(0x7f800000)
		sums[4][j] = s.splat(0xff800000)
	}
	Label("loop")
	for j := range 2 {
		v, t := s.vec(), s.vec()
		VMOVUPS(at(x, j*s.bytes()), v)
		VADDPS(v, sums[0][j], sums[0][j])
		VMULPS(v, v, t)
		VADDPS(t, sums[1][j], sums[1][j])
		u := s.vec()
		s.and(v, abs, u)
		VADDPS(u, sums[2][j], sums[2][j])
		VMINPS(v, sums[3][j], sums[3][j])
		VMAXPS(v, sums[4][j], sums[4][j])
	}
	ADDQ(ld, x)
	DECQ(rows)
	JNZ(LabelRef("loop"))
	for q := range sums {
		for j, v := range sums[q] {
			VMOVUPS(v, Mem{Base: out, Disp: (2*q + j) * s.bytes()})
		}
	}
	end()
}
