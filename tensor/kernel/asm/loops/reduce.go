package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sums is how many float64 partial sums a reduction keeps: element i goes to
// sum i mod sums. The twins in Go keep as many.
const sums = 16

func (s isa) reductions() {
	s.dot()
	s.dots("dots", "func(a, b *float32, n int, partial *float64)", false, false)
	s.dots("dotsBF16", "func(a, b *byte, n int, partial *float64)", true, false)
	s.dots("dotsLessBF16", "func(a, b, less *byte, n int, partial *float64)", true, true)
	s.absSums("absSums", "func(x *float32, keep *uint64, n int, all, kept *float64)", false)
	s.absSums("absSumsBF16", "func(x, less *byte, keep *uint64, n int, all, kept *float64)", true)
	s.countNonFinite()
}

// partials is the registers that hold the partial sums.
func (s isa) partials() []reg.VecVirtual {
	acc := make([]reg.VecVirtual, 2*sums/s.lanes)
	for i := range acc {
		acc[i] = s.zero()
	}
	return acc
}

func (s isa) spill(acc []reg.VecVirtual, to reg.GPVirtual, disp int) {
	for i, a := range acc {
		VMOVUPD(a, at(to, disp+i*s.bytes()))
	}
}

// dot keeps products exactly: that of two float32 fits a float64, so that
// fusing it into the sum rounds no differently.
func (s isa) dot() {
	s.begin("dot", "func(a, b *float32, n int, partial *float64)")
	Doc("dot needs n to be a multiple of 16; it writes 16 partial sums.")
	a, b, n, partial := ptr("a"), ptr("b"), ptr("n"), ptr("partial")
	acc := s.partials()
	step := s.bytes() / 2
	each("loop", n, sums, func(i reg.GPVirtual) {
		for k := range acc {
			x, y := s.vec(), s.vec()
			VCVTPS2PD(elem(a, i, k*step), x)
			VCVTPS2PD(elem(b, i, k*step), y)
			VFMADD231PD(x, y, acc[k])
		}
	})
	s.spill(acc, partial, 0)
	end()
}

// dots is three times dot, of a and b with themselves and each other; a and b are
// bfloat16 if they are raw, and less another before their products if there is
// one.
func (s isa) dots(name, signature string, raw, based bool) {
	s.begin(name, signature)
	Doc(name + " needs n to be a multiple of 16; it writes 16 partial sums each of aa, bb and ab.")
	a, b, n, partial := ptr("a"), ptr("b"), ptr("n"), ptr("partial")
	var less reg.GPVirtual
	if based {
		less = ptr("less")
	}
	aa, bb, ab, step := s.partials(), s.partials(), s.partials(), s.lanes/2
	load := func(from, i reg.GPVirtual, k int, base reg.VecVirtual) reg.VecVirtual {
		v := s.vec()
		if !raw {
			VCVTPS2PD(elem(from, i, 4*k*step), v)
			return v
		}
		h := s.rawHalf(from, i, 2*k*step)
		if based {
			VSUBPS(base, h, h)
		}
		VCVTPS2PD(h, v)
		return v
	}
	each("loop", n, sums, func(i reg.GPVirtual) {
		for k := range aa {
			var base reg.VecVirtual
			if based {
				base = s.rawHalf(less, i, 2*k*step)
			}
			x, y := load(a, i, k, base), load(b, i, k, base)
			VFMADD231PD(x, x, aa[k])
			VFMADD231PD(y, y, bb[k])
			VFMADD231PD(x, y, ab[k])
		}
	})
	for k, acc := range [][]reg.VecVirtual{aa, bb, ab} {
		s.spill(acc, partial, 8*sums*k)
	}
	end()
}

// absSums adds up magnitudes, or those of differences of bfloat16: all of
// them, and those that a mask keeps.
func (s isa) absSums(name, signature string, raw bool) {
	s.begin(name, signature)
	Doc(name + " needs n to be a multiple of 16; it writes 16 partial sums each.")
	x, keep, n, all, kept := ptr("x"), ptr("keep"), ptr("n"), ptr("all"), ptr("kept")
	var less reg.GPVirtual
	if raw {
		less = ptr("less")
	}
	total, some := s.partials(), s.partials()
	abs := s.splat64(0x7fffffffffffffff)
	var bits reg.VecVirtual
	if !s.wide {
		bits = s.laneBits()
	}
	step := s.bytes() / 2
	each("loop", n, sums, func(i reg.GPVirtual) {
		word := s.maskWord(keep, i)
		var halves []reg.VecVirtual
		if raw && s.wide {
			halves = s.rawHalves(x, less, i)
		}
		for k := range total {
			v := s.vec()
			switch {
			case halves != nil:
				VCVTPS2PD(halves[k], v)
			case raw:
				VCVTPS2PD(s.rawLess(x, less, i, k*step/2), v)
			default:
				VCVTPS2PD(elem(x, i, k*step), v)
			}
			if s.wide {
				VPANDQ(v, abs, v)
				VADDPD(v, total[k], total[k])
				m := K()
				KMOVB(word, m)
				VADDPD(v, some[k], m, some[k])
				SHRL(Imm(8), word)
				continue
			}
			VANDPD(v, abs, v)
			VADDPD(v, total[k], total[k])
			VANDPD(s.expand64(word, bits), v, v)
			VADDPD(v, some[k], some[k])
			SHRL(Imm(4), word)
		}
	})
	s.spill(total, all, 0)
	s.spill(some, kept, 0)
	end()
}

// rawLess is differences of bfloat16, half a register of them.
func (s isa) rawLess(x, less, i reg.GPVirtual, disp int) reg.VecVirtual {
	h := s.rawHalf(x, i, disp)
	VSUBPS(s.rawHalf(less, i, disp), h, h)
	return h
}

// rawHalves is 16 differences of bfloat16, in two registers of half the width.
func (s isa) rawHalves(x, less, i reg.GPVirtual) []reg.VecVirtual {
	v, base, high := s.vec(), s.vec(), s.half()
	VPMOVZXWD(Mem{Base: x, Index: i, Scale: 2}, v)
	VPMOVZXWD(Mem{Base: less, Index: i, Scale: 2}, base)
	VPSLLD(Imm(16), v, v)
	VPSLLD(Imm(16), base, base)
	VSUBPS(base, v, v)
	VEXTRACTF64X4(Imm(1), v, high)
	return []reg.VecVirtual{v.AsY().(reg.VecVirtual), high}
}

// maskWord loads the 16 bits of the mask from element i on.
func (s isa) maskWord(keep, i reg.GPVirtual) reg.GPVirtual {
	byteIndex, word := GP64(), GP32()
	MOVQ(i, byteIndex)
	SHRQ(Imm(3), byteIndex)
	MOVWLZX(Mem{Base: keep, Index: byteIndex, Scale: 1}, word)
	return word
}

func (s isa) splat64(bits uint64) reg.VecVirtual {
	g, x, v := GP64(), XMM(), s.vec()
	MOVQ(U64(bits), g)
	VMOVQ(g, x)
	VPBROADCASTQ(x, v)
	return v
}

// laneBit is the bytes 1, 2, 4 ... 128: the bit of a mask that belongs to each
// lane.
var laneBit Mem

// laneIndex is the bytes 0 to 15: the index of each lane.
var laneIndex Mem

func data() {
	laneBit = GLOBL("laneBit", RODATA|NOPTR)
	DATA(0, U64(0x8040201008040201))
	laneIndex = GLOBL("laneIndex", RODATA|NOPTR)
	DATA(0, U64(0x0706050403020100))
	DATA(8, U64(0x0f0e0d0c0b0a0908))
}

// laneBits holds 1, 2, 4 and 8 in the four 64-bit lanes of an AVX2 register.
func (s isa) laneBits() reg.VecVirtual {
	v := s.vec()
	VPMOVZXBQ(laneBit, v)
	return v
}

// expand64 turns the low four bits of a word into full lanes.
func (s isa) expand64(word reg.GPVirtual, bits reg.VecVirtual) reg.VecVirtual {
	x, v := XMM(), s.vec()
	VMOVD(word, x)
	VPBROADCASTQ(x, v)
	VPAND(v, bits, v)
	VPCMPEQQ(v, bits, v)
	return v
}

// countNonFinite counts lanes whose exponent is all ones, and of those the NaN.
func (s isa) countNonFinite() {
	s.begin("countNonFinite", "func(x *float32, n int) (nonFinite, nan int)")
	Doc("countNonFinite needs n to be a multiple of a vector.")
	x, n := ptr("x"), ptr("n")
	abs, inf := s.splat(0x7fffffff), s.splat(0x7f800000)
	bad, nans := GP64(), GP64()
	XORQ(bad, bad)
	XORQ(nans, nans)
	below := s.splat(0x7f7fffff)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		s.and(elem(x, i, 0), abs, v)
		m := s.greaterBits(v, below)
		TESTL(m, m)
		JZ(LabelRef("next"))
		c := GP32()
		POPCNTL(m, c)
		ADDQ(c.As64(), bad)
		m = s.greaterBits(v, inf)
		POPCNTL(m, m)
		ADDQ(m.As64(), nans)
		Label("next")
	})
	Store(bad, ReturnIndex(0))
	Store(nans, ReturnIndex(1))
	end()
}

// and is the bitwise product.
func (s isa) and(m Op, v, dst reg.VecVirtual) {
	if s.wide {
		VPANDD(m, v, dst)
		return
	}
	VPAND(m, v, dst)
}

// greaterBits is a bit for every lane of a that is greater, as signed integers,
// than that of b.
func (s isa) greaterBits(a, b reg.VecVirtual) reg.GPVirtual {
	g := GP32()
	if s.wide {
		k := K()
		VPCMPGTD(b, a, k)
		KMOVW(k, g)
		return g
	}
	t := s.vec()
	VPCMPGTD(b, a, t)
	VMOVMSKPS(t, g)
	return g
}
