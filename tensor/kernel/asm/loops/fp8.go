package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fp8 is what tells the formats of eight bits apart when narrowing.
type fp8 struct {
	name   string
	shift  uint64 // from the lowest bit kept to that of a float32
	bias   uint32 // difference of the exponents' biases, in place
	normal uint32 // the smallest normal number
	magic  uint32 // what counts steps of the denormals when added
	most   uint32 // larger magnitudes are taken for this one
	nan    uint32
}

var fp8s = []fp8{
	{"E4M3", 20, 120 << 23, 0x3c800000, 0x46800000, 0x43e00000, 0x7f},
	{"E5M2", 21, 112 << 23, 0x38800000, 0x43000000, 0x47800000, 0x7e},
}

func (s isa) eightBits() {
	s.widenE4M3()
	s.widenE5M2()
	for _, f := range fp8s {
		s.narrowFP8(f)
	}
}

// widenE4M3 puts exponent and mantissa in their places and multiplies by the
// difference of the biases, which makes denormals right too.
func (s isa) widenE4M3() {
	s.begin("widenE4M3", "func(dst *float32, src *byte, n int)")
	Doc("widenE4M3 needs n to be a multiple of a vector.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	scale, top, nan := s.splat(0x7b800000), s.splat(0x7f<<20), s.splat(0x7ff00000)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, y := s.vec(), s.vec()
		VPMOVZXBD(Mem{Base: src, Index: i, Scale: 1}, v)
		VPSLLD(Imm(25), v, y)
		VPSRLD(Imm(5), y, y)
		void := s.compare(y, top, 0)
		VMULPS(scale, y, y)
		s.blend(void, nan, y)
		VPSRLD(Imm(7), v, v)
		VPSLLD(Imm(31), v, v)
		VORPS(v, y, y)
		VMOVUPS(y, elem(dst, i, 0))
	})
	end()
}

// widenE5M2 takes a number for the upper half of a half precision one.
func (s isa) widenE5M2() {
	s.begin("widenE5M2", "func(dst *float32, src *byte, n int)")
	Doc("widenE5M2 needs n to be a multiple of a vector.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		h, v := s.half(), s.vec()
		VPMOVZXBW(Mem{Base: src, Index: i, Scale: 1}, h)
		VPSLLW(Imm(8), h, h)
		VCVTPH2PS(h, v)
		VMOVUPS(v, elem(dst, i, 0))
	})
	end()
}

func (s isa) narrowFP8(f fp8) {
	s.begin("narrow"+f.name, "func(dst *byte, src *float32, n int)")
	Doc("narrow" + f.name + " needs n to be a multiple of a vector.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	one, half, bias := s.splat(1), s.splat(1<<(f.shift-1)-1), s.splat(f.bias)
	normal, magic, most, nan := s.splat(f.normal), s.splat(f.magic), s.splat(f.most), s.splat(f.nan)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v, c, few, odd := s.vec(), s.vec(), s.vec(), s.vec()
		VMOVUPS(elem(src, i, 0), v)
		VPSLLD(Imm(1), v, c)
		VPSRLD(Imm(1), c, c)
		small := s.compare(c, normal, 1)
		VADDPS(magic, c, few)
		VPSUBD(magic, few, few)
		VPMINSD(most, c, c)
		VPSRLD(Imm(f.shift), c, odd)
		s.and(one, odd, odd)
		VPADDD(half, c, c)
		VPADDD(odd, c, c)
		VPSUBD(bias, c, c)
		VPSRLD(Imm(f.shift), c, c)
		s.blend(small, few, c)
		s.blend(s.compare(v, v, 3), nan, c)
		VPSRLD(Imm(31), v, v)
		VPSLLD(Imm(7), v, v)
		VPADDD(v, c, c)
		s.storeBytes(c, Mem{Base: dst, Index: i, Scale: 1})
	})
	end()
}

// storeBytes writes the lowest byte of every lane; the others are zero.
func (s isa) storeBytes(v reg.VecVirtual, to Mem) {
	x := XMM()
	if s.wide {
		VPMOVDB(v, x)
		VMOVDQU(x, to)
		return
	}
	VPACKUSDW(v, v, v)
	VPERMQ(U8(0xD8), v, v)
	VPACKUSWB(v.AsX(), v.AsX(), x)
	VMOVQ(x, to)
}
