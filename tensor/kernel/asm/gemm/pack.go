package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// copyPack packs rows that already run along the panel: k rows of cols
// elements, ld apart, become k rows of width elements, the rest zero. It reads
// no element past cols, by masks.
type copyPack struct {
	elem
	from source
}

var copies = []copyPack{
	{elem{false, true}, plain}, {elem{false, true}, bf16}, {elem{false, true}, f16},
	{elem{true, true}, plain},
}

func (p copyPack) emit() {
	name := p.name() + "Copy" + p.from.name + p.level()
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *%s, width int, src *%s, ld, cols, k int)", p.goType(), p.from.goType(p.elem)))
	Doc(name + " packs k rows of cols elements, ld apart, into rows of width, at most two vectors.")
	Pragma("noescape")
	dst, width, src, ld, k := RDI, RBX, RSI, RDX, R9
	Load(Param("dst"), dst)
	Load(Param("width"), width)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("k"), k)
	p.mask("cols", ks[0], ks[1])
	p.mask("width", ks[2], ks[3])
	SHLQ(U8(shiftOf(p.size())), width)
	SHLQ(U8(shiftOf(p.from.size(p.elem))), ld)
	CMPQ(width, U8(p.bytes()))
	JLE(LabelRef(name + "_narrow"))
	p.rows(name, 2, dst, width, src, ld, k)
	Label(name + "_narrow")
	p.rows(name+"_narrow", 1, dst, width, src, ld, k)
}

// rows copies all rows, so many vectors wide.
func (p copyPack) rows(name string, vectors int, dst, width, src, ld, k Register) {
	Label(name + "_row")
	for j := range vectors {
		p.from.masked(p.elem, Mem{Base: src, Disp: j * p.lanes() * p.from.size(p.elem)}, ks[j], j)
	}
	for j := range vectors {
		p.move(zs[j], ks[2+j], Mem{Base: dst, Disp: j * p.bytes()})
	}
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

// wholePack is copyPack without masks: every row has width elements.
type wholePack struct {
	elem
	width int
	from  source
}

var wholes = []wholePack{
	{elem{false, false}, 16, plain}, {elem{false, false}, 6, plain},
	{elem{false, false}, 16, bf16}, {elem{false, false}, 16, f16},
	{elem{true, false}, 8, plain}, {elem{true, false}, 6, plain},
}

func (p wholePack) emit() {
	name := fmt.Sprintf("%sCopy%d%s%s", p.name(), p.width, p.from.name, p.level())
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *%s, src *%s, ld, k int)", p.goType(), p.from.goType(p.elem)))
	Doc(fmt.Sprintf("%s packs k rows of %d elements, ld apart.", name, p.width))
	Pragma("noescape")
	dst, src, ld, k := RDI, RSI, RDX, R9
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("k"), k)
	SHLQ(U8(shiftOf(p.from.size(p.elem))), ld)
	Label(name + "_row")
	p.row(src, dst)
	ADDQ(ld, src)
	ADDQ(I32(p.width*p.size()), dst)
	DECQ(k)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}

// row copies one row by the largest pieces that fit.
func (p wholePack) row(src, dst Register) {
	for at := 0; at < p.width; {
		from := Mem{Base: src, Disp: at * p.from.size(p.elem)}
		to := Mem{Base: dst, Disp: at * p.size()}
		switch left := (p.width - at) * p.size(); {
		case left >= 32:
			p.from.load(p.elem, from, 0)
			p.move(Y0, to)
			at += 32 / p.size()
		case left >= 16:
			p.move(from, X0)
			p.move(X0, to)
			at += 16 / p.size()
		default:
			VMOVSD(from, X0)
			VMOVSD(X0, to)
			at += 8 / p.size()
		}
	}
}
