package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// methods builds what single methods of merging need. Operands are float32, or
// bfloat16 as stored.
func (s isa) methods() {
	for _, raw := range []bool{false, true} {
		s.nearswap(raw)
		s.reinforce(raw)
		s.variance(raw)
	}
	s.choose()
	s.lerpEach()
	s.columnDots()
	s.squareSums()
}

// kindOf is the name of a function over operands of a kind, and their type.
func kindOf(name string, raw bool) (full, kind string) {
	if raw {
		return name + "BF16", "byte"
	}
	return name, "float32"
}

// number loads a vector in float32.
func (s isa) number(raw bool, from, i reg.GPVirtual, v reg.VecVirtual) reg.VecVirtual {
	if !raw {
		VMOVUPS(elem(from, i, 0), v)
		return v
	}
	VPMOVZXWD(Mem{Base: from, Index: i, Scale: 2}, v)
	VPSLLD(Imm(16), v, v)
	return v
}

// splatFloat is a register with the same float32 in every lane.
func (s isa) splatFloat(f float32) reg.VecVirtual { return s.splat(math.Float32bits(f)) }

func (s isa) nearswap(raw bool) {
	name, kind := kindOf("nearswap", raw)
	s.begin(name, "func(out *float32, base, model *"+kind+", t float32, n int)")
	Doc(name + " needs n to be a multiple of a vector.")
	out, base, model, n, t := ptr("out"), ptr("base"), ptr("model"), ptr("n"), s.param32("t")
	least, one, abs := s.splatFloat(1e-6), s.splatFloat(1), s.splat(0x7fffffff)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		x, y := s.number(raw, base, i, s.vec()), s.number(raw, model, i, s.vec())
		k, rest := s.vec(), s.vec()
		VSUBPS(x, y, k)
		s.and(k, abs, k)
		VMAXPS(k, least, k) // of unordered operands the first named stays: NaN
		VDIVPS(k, t, k)
		VSUBPS(k, one, rest)
		VMULPS(x, rest, rest)
		part := s.vec()
		VMULPS(y, k, part)
		VADDPS(rest, part, part)
		s.blend(s.compare(k, one, 1), part, y)
		VMOVUPS(y, elem(out, i, 0))
	})
	end()
}

// reinforce adds up, of each element, the deltas that are above a bound, how
// many there are, and the deltas times their models' factors.
func (s isa) reinforce(raw bool) {
	name, kind := kindOf("reinforce", raw)
	s.begin(name, "func(out *float32, base *"+kind+", xs **"+kind+", factors *float32, m int, bound int32, n int)")
	Doc(name + " needs n to be a multiple of a vector.")
	out, base, xs, factors, m, n := ptr("out"), ptr("base"), ptr("xs"), ptr("factors"), ptr("m"), ptr("n")
	one, abs, bound := s.splatFloat(1), s.splat(0x7fffffff), s.int32("bound")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		b, sum, raised, count := s.number(raw, base, i, s.vec()), s.zero(), s.zero(), s.zero()
		x, j := GP64(), GP64()
		XORQ(j, j)
		Label("models")
		MOVQ(Mem{Base: xs, Index: j, Scale: 8}, x)
		v := s.number(raw, x, i, s.vec())
		if raw {
			VSUBPS(b, v, v)
		}
		s.countAbove(v, abs, bound, one, count)
		VADDPS(v, sum, sum)
		factor := s.vec()
		VBROADCASTSS(Mem{Base: factors, Index: j, Scale: 4}, factor)
		VMULPS(factor, v, v)
		VADDPS(v, raised, raised)
		INCQ(j)
		CMPQ(j, m)
		JLT(LabelRef("models"))
		alone, mean := s.compare(count, one, 0), s.vec()
		VMAXPS(one, count, count)
		VDIVPS(count, sum, mean)
		s.blend(alone, raised, mean)
		VADDPS(b, mean, mean)
		VMOVUPS(mean, elem(out, i, 0))
	})
	end()
}

// countAbove zeroes what is not above a bound, and counts what is.
func (s isa) countAbove(v, abs, bound, one, count reg.VecVirtual) {
	t := s.vec()
	s.and(v, abs, t)
	if s.wide {
		k := K()
		VPCMPGTD(bound, t, k)
		VMOVAPS_Z(v, k, v)
		VADDPS(one, count, k, count)
		return
	}
	VPCMPGTD(bound, t, t)
	VPAND(t, v, v)
	VPAND(t, one, t)
	VADDPS(t, count, count)
}

// wideHalf loads half a vector's elements and widens them to float64, less a base.
func (s isa) wideHalf(raw bool, from, i reg.GPVirtual, base reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	if !raw {
		VCVTPS2PD(elem(from, i, 0), v)
		return v
	}
	h := s.rawHalf(from, i, 0)
	VSUBPS(base, h, h)
	VCVTPS2PD(h, v)
	return v
}

// rawHalf loads half a vector of bfloat16, disp bytes further, in float32.
func (s isa) rawHalf(from, i reg.GPVirtual, disp int) reg.VecVirtual {
	h := s.half()
	VPMOVZXWD(Mem{Base: from, Index: i, Scale: 2, Disp: disp}, h)
	VPSLLD(Imm(16), h, h)
	return h
}

// variance is taken around the first model.
func (s isa) variance(raw bool) {
	name, kind := kindOf("variance", raw)
	s.begin(name, "func(out *float32, base *"+kind+", xs **"+kind+", m int, inverse float64, n int)")
	Doc(name + " needs n to be a multiple of a vector; in float32 the base is not looked at.")
	out, base, xs, m, n, inverse := ptr("out"), ptr("base"), ptr("xs"), ptr("m"), ptr("n"), s.vec()
	VBROADCASTSD(addr("inverse"), inverse)
	each("loop", n, s.lanes/2, func(i reg.GPVirtual) {
		x, j := GP64(), GP64()
		var b reg.VecVirtual
		if raw {
			b = s.rawHalf(base, i, 0)
		}
		MOVQ(at(xs, 0), x)
		first, sum, square := s.wideHalf(raw, x, i, b), s.zero(), s.zero()
		MOVQ(U32(1), j)
		JMP(LabelRef("test"))
		Label("models")
		MOVQ(Mem{Base: xs, Index: j, Scale: 8}, x)
		d := s.wideHalf(raw, x, i, b)
		VSUBPD(first, d, d)
		VADDPD(d, sum, sum)
		VMULPD(d, d, d)
		VADDPD(d, square, square)
		INCQ(j)
		Label("test")
		CMPQ(j, m)
		JLT(LabelRef("models"))
		VMULPD(sum, sum, sum)
		VMULPD(inverse, sum, sum)
		VSUBPD(sum, square, square)
		VMULPD(inverse, square, square)
		h := s.half()
		if s.wide {
			VCVTPD2PS(square, h)
		} else {
			VCVTPD2PSY(square, h)
		}
		VMOVUPS(h, elem(out, i, 0))
	})
	end()
}
