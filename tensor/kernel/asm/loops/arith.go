package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// arithmetic builds the element by element loops. Products and sums are
// rounded one by one, as their scalar twins do.
func (s isa) arithmetic() {
	s.axpy()
	s.scaleTo()
	s.binary("sub", "func(dst, a, b *float32, n int)", "a", "b", func(v reg.VecVirtual, m Op) { VSUBPS(m, v, v) })
	s.subBF16()
	s.add()
	s.lerp2()
	s.linearSum()
}

func (s isa) axpy() {
	s.begin("axpy", "func(dst *float32, w float32, x *float32, n int)")
	dst, x, n, w := ptr("dst"), ptr("x"), ptr("n"), s.param32("w")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMULPS(elem(x, i, 0), w, v)
		VADDPS(elem(dst, i, 0), v, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) scaleTo() {
	s.begin("scaleTo", "func(dst *float32, w float32, x *float32, n int)")
	dst, x, n, w := ptr("dst"), ptr("x"), ptr("n"), s.param32("w")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMULPS(elem(x, i, 0), w, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) binary(name, signature, left, right string, op func(v reg.VecVirtual, m Op)) {
	s.begin(name, signature)
	dst, a, b, n := ptr("dst"), ptr(left), ptr(right), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMOVUPS(elem(a, i, 0), v)
		op(v, elem(b, i, 0))
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) subBF16() {
	s.begin("subBF16", "func(dst *float32, a, b *byte, n int)")
	dst, a, b, n := ptr("dst"), ptr("a"), ptr("b"), ptr("n")
	each("loop", n, 2*s.lanes, func(i reg.GPVirtual) {
		for u := range 2 {
			x, y := s.vec(), s.vec()
			for _, p := range []struct {
				from reg.GPVirtual
				to   reg.VecVirtual
			}{{a, x}, {b, y}} {
				VPMOVZXWD(Mem{Base: p.from, Index: i, Scale: 2, Disp: u * s.bytes() / 2}, p.to)
				VPSLLD(Imm(16), p.to, p.to)
			}
			VSUBPS(y, x, x)
			VMOVUPS(x, elem(dst, i, u*s.bytes()))
		}
	})
	end()
}

func (s isa) add() {
	s.begin("add", "func(dst, a *float32, n int)")
	dst, a, n := ptr("dst"), ptr("a"), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMOVUPS(elem(dst, i, 0), v)
		VADDPS(elem(a, i, 0), v, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) lerp2() {
	s.begin("lerp2", "func(dst *float32, wa float32, a *float32, wb float32, b *float32, n int)")
	dst, a, b, n := ptr("dst"), ptr("a"), ptr("b"), ptr("n")
	wa, wb := s.param32("wa"), s.param32("wb")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, u := s.vec(), s.vec()
		VMULPS(elem(a, i, 0), wa, v)
		VMULPS(elem(b, i, 0), wb, u)
		VADDPS(u, v, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

// linearSum is the sum of w[j]*x[j] over m vectors, divided by total.
func (s isa) linearSum() {
	s.begin("linearSum", "func(dst *float32, xs **float32, w *float32, m int, total float32, n int)")
	dst, xs, w, m, n := ptr("dst"), ptr("xs"), ptr("w"), ptr("m"), ptr("n")
	total := s.param32("total")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		sum, v := s.vec(), s.vec()
		x, j := GP64(), GP64()
		MOVQ(at(xs, 0), x)
		VBROADCASTSS(at(w, 0), v)
		VMULPS(elem(x, i, 0), v, sum)
		MOVQ(U32(1), j)
		JMP(LabelRef("test"))
		Label("models")
		MOVQ(Mem{Base: xs, Index: j, Scale: 8}, x)
		VBROADCASTSS(Mem{Base: w, Index: j, Scale: 4}, v)
		VMULPS(elem(x, i, 0), v, v)
		VADDPS(v, sum, sum)
		INCQ(j)
		Label("test")
		CMPQ(j, m)
		JLT(LabelRef("models"))
		VDIVPS(total, sum, sum)
		VMOVUPS(sum, elem(dst, i, 0))
	})
	end()
}
