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

// maskBits holds 1, 2, 4 ... 128 in the lanes of an AVX2 register; AVX-512 needs none.
func (s isa) maskBits() reg.VecVirtual {
	if s.wide {
		return nil
	}
	v := s.vec()
	VPMOVZXBD(laneBit, v)
	return v
}

// keptLanes is the lanes from element i on that a mask in memory keeps.
func (s isa) keptLanes(keep, i reg.GPVirtual, bits reg.VecVirtual) reg.Register {
	byteIndex := GP64()
	MOVQ(i, byteIndex)
	SHRQ(Imm(3), byteIndex)
	from := Mem{Base: keep, Index: byteIndex, Scale: 1}
	if s.wide {
		g, k := GP32(), K()
		MOVWLZX(from, g)
		KMOVW(g, k)
		return k
	}
	v := s.vec()
	VPBROADCASTB(from, v)
	VPAND(v, bits, v)
	VPCMPEQD(v, bits, v)
	return v
}

func (s isa) choose() {
	s.begin("choose", "func(dst, a, b *float32, keep *uint64, n int)")
	Doc("choose needs n to be a multiple of a vector.")
	dst, a, b, keep, n, bits := ptr("dst"), ptr("a"), ptr("b"), ptr("keep"), ptr("n"), s.maskBits()
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		x, y := s.vec(), s.vec()
		VMOVUPS(elem(a, i, 0), x)
		VMOVUPS(elem(b, i, 0), y)
		s.blend(s.keptLanes(keep, i, bits), y, x)
		VMOVUPS(x, elem(dst, i, 0))
	})
	end()
}

func (s isa) lerpEach() {
	s.begin("lerpEach", "func(dst, wa, a, wb, b *float32, n int)")
	Doc("lerpEach needs n to be a multiple of a vector.")
	dst, wa, a, wb, b, n := ptr("dst"), ptr("wa"), ptr("a"), ptr("wb"), ptr("b"), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, u := s.vec(), s.vec()
		VMOVUPS(elem(a, i, 0), v)
		VMULPS(elem(wa, i, 0), v, v)
		VMOVUPS(elem(b, i, 0), u)
		VMULPS(elem(wb, i, 0), u, u)
		VADDPS(u, v, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

// columnDots keeps products exactly, as dot does, and adds row by row.
func (s isa) columnDots() {
	s.begin("columnDots", "func(x, y *float32, rows, stride int, xx, yy, xy *float64, n int)")
	Doc("columnDots needs n to be a multiple of a vector, and a row at least.")
	x, y, rows, stride, n := ptr("x"), ptr("y"), ptr("rows"), ptr("stride"), ptr("n")
	sums := []reg.GPVirtual{ptr("xx"), ptr("yy"), ptr("xy")}
	SHLQ(Imm(2), stride)
	each("columns", n, s.lanes/2, func(i reg.GPVirtual) {
		acc := []reg.VecVirtual{s.vec(), s.vec(), s.vec()}
		for k, a := range acc {
			VMOVUPD(Mem{Base: sums[k], Index: i, Scale: 8}, a)
		}
		px, py, r := GP64(), GP64(), GP64()
		LEAQ(elem(x, i, 0), px)
		LEAQ(elem(y, i, 0), py)
		MOVQ(rows, r)
		Label("rows")
		u, v := s.vec(), s.vec()
		VCVTPS2PD(at(px, 0), u)
		VCVTPS2PD(at(py, 0), v)
		VFMADD231PD(u, u, acc[0])
		VFMADD231PD(v, v, acc[1])
		VFMADD231PD(u, v, acc[2])
		ADDQ(stride, px)
		ADDQ(stride, py)
		DECQ(r)
		JNZ(LabelRef("rows"))
		for k, a := range acc {
			VMOVUPD(a, Mem{Base: sums[k], Index: i, Scale: 8})
		}
	})
	end()
}

// squareSums adds up the squares of what a mask keeps, which are exact.
func (s isa) squareSums() {
	s.begin("squareSums", "func(x *float32, keep *uint64, n int, partial *float64)")
	Doc("squareSums needs n to be a multiple of 16; it writes 16 partial sums.")
	x, keep, n, partial := ptr("x"), ptr("keep"), ptr("n"), ptr("partial")
	acc := s.partials()
	var bits reg.VecVirtual
	if !s.wide {
		bits = s.laneBits()
	}
	each("loop", n, sums, func(i reg.GPVirtual) {
		word := s.maskWord(keep, i)
		for k := range acc {
			v := s.vec()
			VCVTPS2PD(elem(x, i, k*s.bytes()/2), v)
			if s.wide {
				m := K()
				KMOVB(word, m)
				VFMADD231PD(v, v, m, acc[k])
				SHRL(Imm(8), word)
				continue
			}
			VANDPD(s.expand64(word, bits), v, v)
			VFMADD231PD(v, v, acc[k])
			SHRL(Imm(4), word)
		}
	})
	s.spill(acc, partial, 0)
	end()
}
