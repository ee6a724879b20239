package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
