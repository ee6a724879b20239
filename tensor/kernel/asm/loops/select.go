package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) selection() {
	s.bracket()
	s.aboveMask()
}

// bracket sorts magnitudes into above hi, equal to hi, equal to lo, and those
// strictly between, which it copies out in order.
func (s isa) bracket() {
	s.begin("bracket", "func(x *float32, n int, lo, hi int32, between *uint32, counts *uint32) (taken int)")
	Doc("bracket needs n to be a multiple of a vector, room for n+16 in between, and writes three vectors of counts: above hi, at hi, at lo.")
	x, n, between, counts := ptr("x"), ptr("n"), ptr("between"), ptr("counts")
	abs := s.splat(0x7fffffff)
	lo, hi := s.int32("lo"), s.int32("hi")
	above, atHi, atLo := s.zero(), s.zero(), s.zero()
	taken := GP64()
	XORQ(taken, taken)
	if s.wide {
		s.bracketWide(x, n, between, abs, lo, hi, above, atHi, atLo, taken)
	} else {
		s.bracketNarrow(x, n, between, abs, lo, hi, above, atHi, atLo, taken)
	}
	for i, v := range []reg.VecVirtual{above, atHi, atLo} {
		VMOVUPS(v, at(counts, i*s.bytes()))
	}
	Store(taken, ReturnIndex(0))
	end()
}

func (s isa) bracketWide(x, n, between reg.GPVirtual, abs, lo, hi, above, atHi, atLo reg.VecVirtual, taken reg.GPVirtual) {
	one := s.splat(1)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VPANDD(elem(x, i, 0), abs, v)
		k, in := K(), K()
		VPCMPGTD(hi, v, k)
		VPADDD(one, above, k, above)
		VPCMPEQD(hi, v, k)
		VPADDD(one, atHi, k, atHi)
		VPCMPEQD(lo, v, k)
		VPADDD(one, atLo, k, atLo)
		VPCMPGTD(lo, v, in)
		VPCMPGTD(v, hi, in, in)
		packed := s.vec()
		VPCOMPRESSD_Z(v, in, packed)
		VMOVUPS(packed, elem(between, taken, 0))
		c := GP32()
		KMOVW(in, c)
		POPCNTL(c, c)
		ADDQ(c.As64(), taken)
	})
}

func (s isa) bracketNarrow(x, n, between reg.GPVirtual, abs, lo, hi, above, atHi, atLo reg.VecVirtual, taken reg.GPVirtual) {
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, t, u := s.vec(), s.vec(), s.vec()
		VPAND(elem(x, i, 0), abs, v)
		VPCMPGTD(hi, v, t)
		VPSUBD(t, above, above)
		VPCMPEQD(hi, v, t)
		VPSUBD(t, atHi, atHi)
		VPCMPEQD(lo, v, t)
		VPSUBD(t, atLo, atLo)
		VPCMPGTD(lo, v, t)
		VPCMPGTD(v, hi, u)
		VPAND(t, u, t)
		m := GP32()
		VMOVMSKPS(t, m)
		JMP(LabelRef("more"))
		Label("lane")
		l, b := GP32(), GP32()
		TZCNTL(m, l)
		ADDQ(i, l.As64())
		MOVL(elem(x, l.As64(), 0), b)
		ANDL(U32(0x7fffffff), b)
		MOVL(b, elem(between, taken, 0))
		INCQ(taken)
		BLSRL(m, m)
		Label("more")
		TESTL(m, m)
		JNZ(LabelRef("lane"))
	})
}

// aboveMask sets the bit of every element whose magnitude bits are greater
// than a bound.
func (s isa) aboveMask() {
	s.begin("aboveMask", "func(keep *uint64, x *float32, n int, bound int32)")
	Doc("aboveMask needs n to be a multiple of a vector.")
	keep, x, n := ptr("keep"), ptr("x"), ptr("n")
	abs, bound := s.splat(0x7fffffff), s.int32("bound")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, g := s.vec(), reg.GPVirtual(nil)
		s.and(elem(x, i, 0), abs, v)
		g = s.greaterBits(v, bound)
		to := GP64()
		MOVQ(i, to)
		SHRQ(Imm(3), to)
		if s.wide {
			MOVW(g.As16(), Mem{Base: keep, Index: to, Scale: 1})
		} else {
			MOVB(g.As8(), Mem{Base: keep, Index: to, Scale: 1})
		}
	})
	end()
}
