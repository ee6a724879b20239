package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transpose packs rows that run across the panel: rows rows of lanes*blocks
// elements, ld apart, become lanes*blocks rows of a panel, width apart.
type transpose struct {
	elem
	rows int
	from source
}

// source is how a vector of elements is loaded.
type source struct {
	name string
	size int
}

var transposes = []transpose{
	{elem{false, true}, 16, source{}},
	{elem{false, true}, 14, source{}},
	{elem{true, true}, 8, source{}},
	{elem{true, true}, 6, source{}},
}

func (p transpose) srcType() string {
	if p.from.size != 0 {
		return "uint16"
	}
	return p.goType()
}

func (p transpose) srcSize() int {
	if p.from.size != 0 {
		return p.from.size
	}
	return p.size()
}

func (p transpose) load(m Mem, v VecPhysical) { p.move(m, v) }

func (p transpose) emit() {
	name := fmt.Sprintf("%sTranspose%d%s%s", p.name(), p.rows, p.from.name, p.level())
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *%s, width int, src *%s, ld, blocks int)", p.goType(), p.srcType()))
	Doc(fmt.Sprintf("%s packs %d rows of %d*blocks elements, ld apart, across a panel.", name, p.rows, p.lanes()))
	Pragma("noescape")
	dst, width, ld, ld3, n := RDI, RBX, RDX, R12, R13
	Load(Param("dst"), dst)
	Load(Param("src"), bases[0])
	Load(Param("width"), width)
	Load(Param("ld"), ld)
	Load(Param("blocks"), n)
	SHLQ(U8(shiftOf(p.size())), width)
	SHLQ(U8(shiftOf(p.srcSize())), ld)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	for i := 1; i*4 < p.rows; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: ld, Scale: 4}, bases[i])
	}
	if p.rows < p.lanes() {
		MOVL(U32(1<<p.rows-1), EAX)
		KMOVW(EAX, K1)
	}
	Label(name + "_block")
	for i := range p.lanes() {
		if i < p.rows {
			p.load(rowAt(i, ld, ld3), p.vec(i))
		} else {
			p.zero(p.vec(i))
		}
	}
	for i := 0; i*4 < p.rows; i++ {
		ADDQ(I32(p.lanes()*p.srcSize()), bases[i])
	}
	p.shuffle(func(col int, v Op) {
		if p.rows < p.lanes() {
			p.move(v, K1, Mem{Base: dst})
		} else {
			p.move(v, Mem{Base: dst})
		}
		ADDQ(width, dst)
	})
	DECQ(n)
	JNZ(LabelRef(name + "_block"))
	VZEROUPPER()
	RET()
}

var bases = []Register{RSI, R8, R9, R10}

// rowAt addresses row i from four bases four rows apart.
func rowAt(i int, ld, ld3 Register) Mem {
	m := Mem{Base: bases[i/4]}
	switch i % 4 {
	case 1:
		m.Index, m.Scale = ld, 1
	case 2:
		m.Index, m.Scale = ld, 2
	case 3:
		m.Index, m.Scale = ld3, 1
	}
	return m
}

func shiftOf(size int) int { return map[int]int{2: 1, 4: 2, 8: 3}[size] }

// shuffle transposes the square in the first registers and hands out its
// columns in order.
func (p transpose) shuffle(out func(col int, v Op)) {
	if p.double {
		p.shuffle64(out)
	} else {
		p.shuffle32(out)
	}
}

// shuffle32 transposes 16 x 16 numbers in three rounds: pairs of rows, pairs of
// pairs, then the four 128-bit lanes.
func (p transpose) shuffle32(out func(col int, v Op)) {
	z := func(i int) VecPhysical { return p.vec(i) }
	for g := range 4 {
		r, t := g*4, 16+g*4
		VUNPCKLPS(z(r+1), z(r), z(t))
		VUNPCKHPS(z(r+1), z(r), z(t+1))
		VUNPCKLPS(z(r+3), z(r+2), z(t+2))
		VUNPCKHPS(z(r+3), z(r+2), z(t+3))
		VUNPCKLPD(z(t+2), z(t), z(r))
		VUNPCKHPD(z(t+2), z(t), z(r+1))
		VUNPCKLPD(z(t+3), z(t+1), z(r+2))
		VUNPCKHPD(z(t+3), z(t+1), z(r+3))
	}
	for c := range 4 {
		q := func(g int) VecPhysical { return z(g*4 + c) }
		t := 16 + 4*c
		VSHUFF32X4(U8(0x44), q(1), q(0), z(t))
		VSHUFF32X4(U8(0x44), q(3), q(2), z(t+1))
		VSHUFF32X4(U8(0xEE), q(1), q(0), z(t+2))
		VSHUFF32X4(U8(0xEE), q(3), q(2), z(t+3))
		VSHUFF32X4(U8(0x88), z(t+1), z(t), q(0))
		VSHUFF32X4(U8(0xDD), z(t+1), z(t), q(1))
		VSHUFF32X4(U8(0x88), z(t+3), z(t+2), q(2))
		VSHUFF32X4(U8(0xDD), z(t+3), z(t+2), q(3))
	}
	for col := range 16 {
		out(col, z(col))
	}
}

// shuffle64 transposes 8 x 8 numbers: pairs of rows, then 128-bit lanes.
func (p transpose) shuffle64(out func(col int, v Op)) {
	z := func(i int) VecPhysical { return p.vec(i) }
	for g := range 4 {
		VUNPCKLPD(z(g*2+1), z(g*2), z(8+g))
		VUNPCKHPD(z(g*2+1), z(g*2), z(12+g))
	}
	for c := range 2 {
		q := func(g int) VecPhysical { return z(8 + c*4 + g) }
		t := 16 + 4*c
		VSHUFF64X2(U8(0x44), q(1), q(0), z(t))
		VSHUFF64X2(U8(0x44), q(3), q(2), z(t+1))
		VSHUFF64X2(U8(0xEE), q(1), q(0), z(t+2))
		VSHUFF64X2(U8(0xEE), q(3), q(2), z(t+3))
		VSHUFF64X2(U8(0x88), z(t+1), z(t), z(c))
		VSHUFF64X2(U8(0xDD), z(t+1), z(t), z(c+2))
		VSHUFF64X2(U8(0x88), z(t+3), z(t+2), z(c+4))
		VSHUFF64X2(U8(0xDD), z(t+3), z(t+2), z(c+6))
	}
	for col := range 8 {
		out(col, z(col))
	}
}
