package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// superBlocks decodes Q4_K and, with a fifth bit, Q5_K.
func (s isa) superBlocks(name string, bytes int, fifth bool) {
	var mask, one reg.VecVirtual
	var parts Mem
	s.each(name, bytes, 256, func() {
		parts = AllocLocal(64)
		mask = s.splat(15)
		if fifth {
			one = s.splat(1)
		}
	}, func(dst, src reg.GPVirtual) {
		s.scales(src, parts)
		for g := range 4 {
			for j := 0; j < 32; j += s.lanes {
				x := s.bytes(at(src, bytes-128+32*g+j))
				for half, q := range []reg.VecVirtual{s.and(x, mask), s.right(x, 4)} {
					i := 2*g + half
					if fifth {
						s.orLeft(q, s.and(s.right(s.bytes(at(src, 16+j)), uint64(i)), one), 4)
					}
					d, m := s.vec(), s.vec()
					VBROADCASTSS(parts.Offset(4*i), d)
					VBROADCASTSS(parts.Offset(32+4*i), m)
					VCVTDQ2PS(q, q)
					VMULPS(d, q, q)
					VSUBPS(m, q, q)
					VMOVUPS(q, at(dst, 4*(32*i+j)))
				}
			}
		}
	})
}

// scales leaves eight scales and eight minima of a super-block in parts. Four
// of each lie in six bits of a byte, the others in pieces of four and two bits.
func (s isa) scales(src reg.GPVirtual, parts Mem) {
	a, b, c := GP32(), GP32(), GP32()
	MOVL(at(src, 4), a)
	MOVL(at(src, 8), b)
	MOVL(at(src, 12), c)
	scaled(a, c, false, at(src, 0), parts)
	scaled(b, c, true, at(src, 2), parts.Offset(32))
}

func scaled(low, shared reg.GPVirtual, upper bool, factor, to Mem) {
	high, more := GP32(), GP32()
	MOVL(shared, high)
	if upper {
		SHRL(Imm(4), high)
	}
	ANDL(U32(0x0f0f0f0f), high)
	MOVL(low, more)
	SHRL(Imm(2), more)
	ANDL(U32(0x30303030), more)
	ORL(more, high)
	ANDL(U32(0x3f3f3f3f), low)
	h := high.As64()
	SHLQ(Imm(32), h)
	ORQ(low.As64(), h)
	x, y, d, dx := XMM(), YMM(), YMM(), XMM()
	VMOVQ(h, x)
	VPMOVZXBD(x, y)
	VCVTDQ2PS(y, y)
	VPBROADCASTW(factor, dx)
	VCVTPH2PS(dx, d)
	VMULPS(d, y, y)
	VMOVUPS(y, to)
}

// sixBits decodes Q6_K.
func (s isa) sixBits() {
	var low, high, middle reg.VecVirtual
	var parts Mem
	s.each("q6K", 210, 256, func() {
		parts = AllocLocal(64)
		low, high, middle = s.splat(15), s.splat(3), s.splat(32)
	}, func(dst, src reg.GPVirtual) {
		d := s.half(at(src, 208))
		for j := 0; j < 16; j += s.lanes {
			sc := s.vec()
			VPMOVSXBD(at(src, 192+j), sc)
			VCVTDQ2PS(sc, sc)
			VMULPS(d, sc, sc)
			VMOVUPS(sc, parts.Offset(4*j))
		}
		for h := range 2 {
			for j := 0; j < 32; j += s.lanes {
				bits := s.bytes(at(src, 128+32*h+j))
				x, y := s.bytes(at(src, 64*h+j)), s.bytes(at(src, 64*h+32+j))
				for part, q := range []reg.VecVirtual{s.and(x, low), s.and(y, low), s.right(x, 4), s.right(y, 4)} {
					s.orLeft(q, s.and(s.right(bits, uint64(2*part)), high), 4)
					VPSUBD(middle, q, q)
					VCVTDQ2PS(q, q)
					scale := s.vec()
					VBROADCASTSS(parts.Offset(4*(8*h+2*part+j/16)), scale)
					VMULPS(scale, q, q)
					VMOVUPS(q, at(dst, 4*(128*h+32*part+j)))
				}
			}
		}
	})
}
