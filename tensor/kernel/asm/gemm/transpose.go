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

var transposes = []transpose{
	{elem{false, true}, 16, plain},
	{elem{false, true}, 16, bf16}, {elem{false, true}, 16, f16},
	{elem{true, true}, 8, plain},
	{elem{false, false}, 8, plain}, {elem{false, false}, 6, plain},
	{elem{false, false}, 8, bf16}, {elem{false, false}, 8, f16},
	{elem{true, false}, 4, plain}, {elem{true, false}, 2, plain},
}

func (p transpose) emit() {
	name := fmt.Sprintf("%sTranspose%d%s%s", p.name(), p.rows, p.from.name, p.level())
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *%s, width int, src *%s, ld, blocks int)", p.goType(), p.from.goType(p.elem)))
	Doc(fmt.Sprintf("%s packs %d rows of %d*blocks elements, ld apart, across a panel.", name, p.rows, p.lanes()))
	Pragma("noescape")
	dst, width, ld, ld3, n := RDI, RBX, RDX, R12, R13
	Load(Param("dst"), dst)
	Load(Param("src"), bases[0])
	Load(Param("width"), width)
	Load(Param("ld"), ld)
	Load(Param("blocks"), n)
	SHLQ(U8(shiftOf(p.size())), width)
	SHLQ(U8(shiftOf(p.from.size(p.elem))), ld)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	for i := 1; i*4 < p.rows; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: ld, Scale: 4}, bases[i])
	}
	Label(name + "_block")
	for i := range p.lanes() {
		if i < p.rows {
			p.from.load(p.elem, rowAt(bases, i, ld, ld3), i)
		} else {
			p.zero(p.vec(i))
		}
	}
	for i := 0; i*4 < p.rows; i++ {
		ADDQ(I32(p.lanes()*p.from.size(p.elem)), bases[i])
	}
	p.shuffle(func(v VecPhysical) {
		p.put(v, dst)
		ADDQ(width, dst)
	})
	DECQ(n)
	JNZ(LabelRef(name + "_block"))
	VZEROUPPER()
	RET()
}

var bases = []Register{RSI, R8, R9, R10}

// rowAt addresses row i from four bases four rows apart.
func rowAt(bases []Register, i int, ld, ld3 Register) Mem {
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

// put stores the first rows elements of a column.
func (p transpose) put(v VecPhysical, dst Register) {
	if p.rows == p.lanes() {
		p.move(v, Mem{Base: dst})
		return
	}
	// Half a vector, and for 6 floats half of the other half.
	p.move(v.AsX(), Mem{Base: dst})
	if p.rows == 6 {
		VEXTRACTF128(U8(1), v, v.AsX())
		VMOVSD(v.AsX(), Mem{Base: dst, Disp: 16})
	}
}

// shuffle transposes the square in the first registers and hands out its
// columns in order.
func (p transpose) shuffle(out func(v VecPhysical)) {
	switch {
	case p.double && p.zmm:
		p.shuffle8x8Doubles()
	case p.double:
		p.shuffle4x4Doubles()
	case p.zmm:
		p.shuffle16x16(func() {})
	default:
		p.shuffle8x8()
	}
	for col := range p.lanes() {
		out(p.vec(col))
	}
}
