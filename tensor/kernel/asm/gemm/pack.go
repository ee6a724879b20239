package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// copies packs rows that already run along the panel: k rows of cols elements,
// ld apart, become k rows of width elements, the rest zero. It reads no
// element past cols, by masks.
type copyPack struct {
	elem
}

var copies = []copyPack{{elem{false, true}}, {elem{true, true}}}

func (p copyPack) emit() {
	name := p.name() + "Copy" + p.level()
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *%s, width int, src *%s, ld, cols, k int)", p.goType(), p.goType()))
	Doc(name + " packs k rows of cols elements, ld apart, into rows of width, at most two vectors.")
	Pragma("noescape")
	dst, width, src, ld, k := RDI, RBX, RSI, RDX, R9
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("width"), width)
	Load(Param("ld"), ld)
	Load(Param("k"), k)
	p.mask("cols", K1, K2)
	p.mask("width", K3, K4)
	SHLQ(U8(shiftOf(p.size())), width)
	SHLQ(U8(shiftOf(p.size())), ld)
	Label(name + "_row")
	p.moveZ(Mem{Base: src}, K1, Z0)
	p.moveZ(Mem{Base: src, Disp: 64}, K2, Z1)
	p.move(Z0, K3, Mem{Base: dst})
	p.move(Z1, K4, Mem{Base: dst, Disp: 64})
	ADDQ(ld, src)
	ADDQ(width, dst)
	DECQ(k)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}

// mask makes the lane masks of a row of the named length.
func (p copyPack) mask(param string, lo, hi Register) {
	Load(Param(param), RCX)
	MOVQ(I32(-1), RAX)
	SHLQ(CL, RAX)
	NOTQ(RAX)
	KMOVW(EAX, lo)
	SHRQ(U8(p.lanes()), RAX)
	KMOVW(EAX, hi)
}
