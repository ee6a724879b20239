package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// forward builds what a forward pass needs besides products of matrices: sums,
// extremes, norms, rotations; and the indices of a histogram.
func (s isa) forward() {
	s.sum()
	s.centred()
	s.dotBF16()
	s.extremes()
	s.absMax()
	s.normScale()
	s.normShift()
	s.rotateHalf()
	s.rotatePairs()
	s.bins()
}

func (s isa) sum() {
	s.begin("sum", "func(x *float32, n int, partial *float64)")
	Doc("sum needs n to be a multiple of 16; it writes 16 partial sums.")
	x, n, partial := ptr("x"), ptr("n"), ptr("partial")
	acc := s.partials()
	each("loop", n, sums, func(i reg.GPVirtual) {
		for k := range acc {
			v := s.vec()
			VCVTPS2PD(elem(x, i, k*s.bytes()/2), v)
			VADDPD(v, acc[k], acc[k])
		}
	})
	s.spill(acc, partial, 0)
	end()
}

func (s isa) centred() {
	s.begin("centred", "func(x *float32, mean float64, n int, partial *float64)")
	Doc("centred needs n to be a multiple of 16; it writes 16 partial sums of squares.")
	x, n, partial, mean := ptr("x"), ptr("n"), ptr("partial"), s.vec()
	VBROADCASTSD(addr("mean"), mean)
	acc := s.partials()
	each("loop", n, sums, func(i reg.GPVirtual) {
		for k := range acc {
			v := s.vec()
			VCVTPS2PD(elem(x, i, k*s.bytes()/2), v)
			VSUBPD(mean, v, v)
			VMULPD(v, v, v)
			VADDPD(v, acc[k], acc[k])
		}
	})
	s.spill(acc, partial, 0)
	end()
}

// dotBF16 is dot, of which a is bfloat16.
func (s isa) dotBF16() {
	s.begin("dotBF16", "func(a *byte, b *float32, n int, partial *float64)")
	Doc("dotBF16 needs n to be a multiple of 16; it writes 16 partial sums.")
	a, b, n, partial := ptr("a"), ptr("b"), ptr("n"), ptr("partial")
	acc := s.partials()
	each("loop", n, sums, func(i reg.GPVirtual) {
		for k := range acc {
			h, x, y := s.half(), s.vec(), s.vec()
			VPMOVZXWD(Mem{Base: a, Index: i, Scale: 2, Disp: k * s.bytes() / 4}, h)
			VPSLLD(Imm(16), h, h)
			VCVTPS2PD(h, x)
			VCVTPS2PD(elem(b, i, k*s.bytes()/2), y)
			VFMADD231PD(x, y, acc[k])
		}
	})
	s.spill(acc, partial, 0)
	end()
}

// extremes passes over NaN: of unordered operands the second stays.
func (s isa) extremes() {
	s.begin("extremes", "func(x *float32, n int, least, most *float32)")
	Doc("extremes needs n to be a multiple of a vector; it starts from a vector of each and leaves them there.")
	x, n, least, most := ptr("x"), ptr("n"), ptr("least"), ptr("most")
	lo, hi := s.vec(), s.vec()
	VMOVUPS(at(least, 0), lo)
	VMOVUPS(at(most, 0), hi)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMOVUPS(elem(x, i, 0), v)
		VMINPS(lo, v, lo)
		VMAXPS(hi, v, hi)
	})
	VMOVUPS(lo, at(least, 0))
	VMOVUPS(hi, at(most, 0))
	end()
}

func (s isa) absMax() {
	s.begin("absMax", "func(x *float32, n int, most *uint32)")
	Doc("absMax needs n to be a multiple of a vector; it writes a vector of magnitude bits.")
	x, n, most := ptr("x"), ptr("n"), ptr("most")
	hi, abs := s.zero(), s.splat(0x7fffffff)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		s.and(elem(x, i, 0), abs, v)
		VPMAXSD(v, hi, hi)
	})
	VMOVUPS(hi, at(most, 0))
	end()
}

func (s isa) normScale() {
	s.begin("normScale", "func(dst, x *float32, factor float32, w *float32, n int)")
	Doc("normScale needs n to be a multiple of a vector.")
	dst, x, w, n, factor := ptr("dst"), ptr("x"), ptr("w"), ptr("n"), s.param32("factor")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMULPS(elem(x, i, 0), factor, v)
		VMULPS(elem(w, i, 0), v, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) normShift() {
	s.begin("normShift", "func(dst, x *float32, mean, factor float32, w, b *float32, n int)")
	Doc("normShift needs n to be a multiple of a vector.")
	dst, x, w, b, n := ptr("dst"), ptr("x"), ptr("w"), ptr("b"), ptr("n")
	mean, factor := s.param32("mean"), s.param32("factor")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMOVUPS(elem(x, i, 0), v)
		VSUBPS(mean, v, v)
		VMULPS(factor, v, v)
		VMULPS(elem(w, i, 0), v, v)
		VADDPS(elem(b, i, 0), v, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) rotateHalf() {
	s.begin("rotateHalf", "func(x, y, cos, sin *float32, n int)")
	Doc("rotateHalf needs n to be a multiple of a vector.")
	x, y, cos, sin, n := ptr("x"), ptr("y"), ptr("cos"), ptr("sin"), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		a, b, c, d, t := s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
		VMOVUPS(elem(x, i, 0), a)
		VMOVUPS(elem(y, i, 0), b)
		VMOVUPS(elem(cos, i, 0), c)
		VMOVUPS(elem(sin, i, 0), d)
		VMULPS(c, a, t)
		VMULPS(c, b, c)
		VMULPS(d, b, b)
		VMULPS(d, a, a)
		VSUBPS(b, t, t)
		VADDPS(a, c, c)
		VMOVUPS(t, elem(x, i, 0))
		VMOVUPS(c, elem(y, i, 0))
	})
	end()
}

// rotatePairs multiplies a pair by its cosine, and its swap by the sine, whose
// sign is turned for the first of the pair.
func (s isa) rotatePairs() {
	s.begin("rotatePairs", "func(x, cos, sin *float32, n int)")
	Doc("rotatePairs needs n, the elements of x, to be a multiple of a vector.")
	x, cos, sin, n, turn := ptr("x"), ptr("cos"), ptr("sin"), ptr("n"), s.splat64(0x80000000)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, swapped, c, d := s.vec(), s.vec(), s.vec(), s.vec()
		VMOVUPS(elem(x, i, 0), v)
		VPERMILPS(U8(0xB1), v, swapped)
		VPMOVZXDQ(Mem{Base: cos, Index: i, Scale: 2}, c)
		VPMOVZXDQ(Mem{Base: sin, Index: i, Scale: 2}, d)
		VMOVSLDUP(c, c)
		VMOVSLDUP(d, d)
		VXORPS(turn, d, d)
		VMULPS(c, v, v)
		VMULPS(d, swapped, swapped)
		VADDPS(swapped, v, v)
		VMOVUPS(v, elem(x, i, 0))
	})
	end()
}

// bins is the index of every element's bin, and the number of bins for what
// lies in none.
func (s isa) bins() {
	s.begin("bins", "func(index *int32, x *float32, lo, hi, scale float32, last, none int32, n int)")
	Doc("bins needs n to be a multiple of a vector.")
	index, x, n := ptr("index"), ptr("x"), ptr("n")
	lo, hi, scale, last, none := s.param32("lo"), s.param32("hi"), s.param32("scale"), s.int32("last"), s.int32("none")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, b := s.vec(), s.vec()
		VMOVUPS(elem(x, i, 0), v)
		VSUBPS(lo, v, b)
		VMULPS(scale, b, b)
		VCVTTPS2DQ(b, b)
		VPMINSD(last, b, b)
		s.blend(s.compare(v, lo, 9), none, b)
		s.blend(s.compare(hi, v, 9), none, b)
		VMOVUPS(b, elem(index, i, 0))
	})
	end()
}
