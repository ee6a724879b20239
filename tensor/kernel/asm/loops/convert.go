package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) conversions() {
	s.widenBF16()
	s.narrowBF16()
	s.roundBF16()
	s.widenF16()
	s.narrowF16()
}

func (s isa) widenBF16() {
	s.begin("widenBF16", "func(dst *float32, src *byte, n int)")
	Doc("widenBF16 needs n to be a multiple of 2 vectors.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	each("loop", n, 2*s.lanes, func(i reg.GPVirtual) {
		for u := range 2 {
			v := s.vec()
			VPMOVZXWD(Mem{Base: src, Index: i, Scale: 2, Disp: u * s.bytes() / 2}, v)
			VPSLLD(Imm(16), v, v)
			VMOVUPS(v, elem(dst, i, u*s.bytes()))
		}
	})
	end()
}

// rounder holds the constants of rounding to bfloat16.
type rounder struct {
	isa
	bias, one, quiet reg.VecVirtual
}

func (s isa) rounder() rounder { return rounder{s, s.splat(0x7fff), s.splat(1), s.splat(0x40)} }

// round leaves the bfloat16 bits of every lane of x in its low half: nearest,
// ties to even; NaN stays NaN and becomes quiet.
func (r rounder) round(x reg.VecVirtual) {
	high, odd := r.vec(), r.vec()
	VPSRLD(Imm(16), x, high)
	if r.wide {
		nan := K()
		VCMPPS(Imm(3), x, x, nan)
		VPANDD(high, r.one, odd)
		VPADDD(x, r.bias, x)
		VPADDD(odd, x, x)
		VPSRLD(Imm(16), x, x)
		VPORD(high, r.quiet, nan, x)
		return
	}
	nan := r.vec()
	VCMPPS(Imm(3), x, x, nan)
	VPAND(high, r.one, odd)
	VPADDD(x, r.bias, x)
	VPADDD(odd, x, x)
	VPSRLD(Imm(16), x, x)
	VPOR(high, r.quiet, high)
	VBLENDVPS(nan, high, x, x)
}

func (s isa) narrowBF16() {
	s.begin("narrowBF16", "func(dst *byte, src *float32, n int)")
	Doc("narrowBF16 needs n to be a multiple of 2 vectors.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	r := s.rounder()
	each("loop", n, 2*s.lanes, func(i reg.GPVirtual) {
		a, b := s.vec(), s.vec()
		VMOVUPS(elem(src, i, 0), a)
		VMOVUPS(elem(src, i, s.bytes()), b)
		r.round(a)
		r.round(b)
		if s.wide {
			for u, v := range []reg.VecVirtual{a, b} {
				h := s.half()
				VPMOVDW(v, h)
				VMOVDQU(h, Mem{Base: dst, Index: i, Scale: 2, Disp: 32 * u})
			}
			return
		}
		VPACKUSDW(b, a, a)
		VPERMQ(U8(0xD8), a, a)
		VMOVDQU(a, Mem{Base: dst, Index: i, Scale: 2})
	})
	end()
}

func (s isa) roundBF16() {
	s.begin("roundBF16", "func(x *float32, n int)")
	Doc("roundBF16 needs n to be a multiple of a vector.")
	x, n := ptr("x"), ptr("n")
	r := s.rounder()
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMOVUPS(elem(x, i, 0), v)
		r.round(v)
		VPSLLD(Imm(16), v, v)
		VMOVUPS(v, elem(x, i, 0))
	})
	end()
}

func (s isa) widenF16() {
	s.begin("widenF16", "func(dst *float32, src *byte, n int)")
	Doc("widenF16 needs n to be a multiple of a vector.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VCVTPH2PS(Mem{Base: src, Index: i, Scale: 2}, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) narrowF16() {
	s.begin("narrowF16", "func(dst *byte, src *float32, n int)")
	Doc("narrowF16 needs n to be a multiple of a vector.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, h := s.vec(), s.half()
		VMOVUPS(elem(src, i, 0), v)
		VCVTPS2PH(Imm(0), v, h)
		VMOVDQU(h, Mem{Base: dst, Index: i, Scale: 2})
	})
	end()
}
