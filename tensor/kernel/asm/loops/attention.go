package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxStep takes a tile of scores into a running softmax, row by row: the
// greatest first, then the exponentials and their 16 partial sums.
func (s isa) softmaxStep() {
	s.begin("softmaxStep", "func(x *float32, ld, rows, cols int, most, drop, sum *float32, c *float32)")
	Doc("softmaxStep needs cols to be a multiple of 16 and rows not zero; it writes by how much the greatest rose, below zero, and the sum of the tile's exponentials.")
	x, ld, rows, cols := ptr("x"), ptr("ld"), ptr("rows"), ptr("cols")
	most, drop, sum, c := ptr("most"), ptr("drop"), ptr("sum"), s.constants(0, 12)
	SHLQ(Imm(2), ld)
	row := GP64()
	XORQ(row, row)
	Label("row")
	old, top := XMM(), s.vec()
	VMOVSS(elem(most, row, 0), old)
	VBROADCASTSS(elem(most, row, 0), top)
	each("greatest", cols, sums, func(i reg.GPVirtual) {
		for k := range sums / s.lanes {
			v := s.vec()
			VMOVUPS(elem(x, i, k*s.bytes()), v)
			VMAXPS(top, v, top)
		}
	})
	peak := s.fold(top, func(a, b, to reg.VecVirtual) { VMAXPS(a, b, to) })
	VMOVSS(peak, elem(most, row, 0))
	VSUBSS(peak, old, old)
	VMOVSS(old, elem(drop, row, 0))
	VBROADCASTSS(elem(most, row, 0), top)
	acc := make([]reg.VecVirtual, sums/s.lanes)
	for k := range acc {
		acc[k] = s.zero()
	}
	each("exponentials", cols, sums, func(i reg.GPVirtual) {
		for k := range acc {
			v := s.vec()
			VMOVUPS(elem(x, i, k*s.bytes()), v)
			VSUBPS(top, v, v)
			e := c.exp(v)
			VMOVUPS(e, elem(x, i, k*s.bytes()))
			VADDPS(e, acc[k], acc[k])
		}
	})
	for len(acc) > 1 {
		VADDPS(acc[1], acc[0], acc[0])
		acc = acc[:1]
	}
	VMOVSS(s.fold(acc[0], func(a, b, to reg.VecVirtual) { VADDPS(a, b, to) }), elem(sum, row, 0))
	ADDQ(ld, x)
	INCQ(row)
	CMPQ(row, rows)
	JLT(LabelRef("row"))
	end()
}

// fold joins the lanes of v by halves and returns a register with the result
// in its first lane.
func (s isa) fold(v reg.VecVirtual, join func(a, b, to reg.VecVirtual)) reg.VecVirtual {
	y := v
	if s.wide {
		high, low := YMM(), YMM()
		VEXTRACTF64X4(Imm(1), v, high)
		VEXTRACTF64X4(Imm(0), v, low)
		join(high, low, low)
		y = low
	}
	high, low := XMM(), XMM()
	VEXTRACTF128(Imm(1), y, high)
	VEXTRACTF128(Imm(0), y, low)
	join(high, low, low)
	VPERMILPS(Imm(0x0E), low, high)
	join(high, low, low)
	VPERMILPS(Imm(0x01), low, high)
	join(high, low, low)
	return low
}
