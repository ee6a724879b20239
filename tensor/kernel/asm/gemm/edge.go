package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// edge is transpose, on AVX-512, for any number of rows and elements: by masks
// it reads nothing outside them. The rows that lack are zeros.
type edge struct{ transpose }

var edges = []edge{
	{transpose{elem{false, true}, 16, plain}}, {transpose{elem{false, true}, 16, bf16}}, {transpose{elem{false, true}, 16, f16}},
	{transpose{elem{true, true}, 8, plain}},
}

func (p edge) emit() {
	name := fmt.Sprintf("%sEdge%s%s", p.name(), p.from.name, p.level())
	TEXT(name, NOSPLIT, fmt.Sprintf("func(dst *%s, width, lanes int, src *%s, ld, rows, k int)", p.goType(), p.from.goType(p.elem)))
	Doc(fmt.Sprintf("%s packs at most %d rows of k elements, ld apart, across a panel, and writes min(lanes, %d) lanes.", name, p.rows, p.rows))
	Pragma("noescape")
	dst, width, ld, ld3, n, rows := RDI, RBX, RDX, R12, R13, R11
	Load(Param("dst"), dst)
	Load(Param("src"), bases[0])
	Load(Param("width"), width)
	Load(Param("ld"), ld)
	Load(Param("rows"), rows)
	Load(Param("lanes"), n)
	p.firstLanes(n, K1)
	Load(Param("k"), n)
	SHLQ(U8(shiftOf(p.size())), width)
	SHLQ(U8(shiftOf(p.from.size(p.elem))), ld)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	for i := 1; i*4 < p.rows; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: ld, Scale: 4}, bases[i])
	}
	Label(name + "_block")
	p.firstLanes(n, K2)
	for i := range p.rows {
		p.zero(p.vec(i))
	}
	for i := range p.rows {
		CMPQ(rows, U8(i))
		JE(LabelRef(name + "_loaded"))
		p.from.masked(p.elem, rowAt(bases, i, ld, ld3), K2, i)
	}
	Label(name + "_loaded")
	for i := 0; i*4 < p.rows; i++ {
		ADDQ(I32(p.lanes()*p.from.size(p.elem)), bases[i])
	}
	p.shuffle(func(v VecPhysical) {
		p.move(v, K1, Mem{Base: dst})
		ADDQ(width, dst)
		DECQ(n)
		JZ(LabelRef(name + "_done"))
	})
	JMP(LabelRef(name + "_block"))
	Label(name + "_done")
	VZEROUPPER()
	RET()
}

// firstLanes masks the first min(n, lanes) lanes. It uses RAX and RCX.
func (p edge) firstLanes(n, k Register) {
	MOVQ(I32(p.lanes()), RCX)
	CMPQ(n, RCX)
	CMOVQLT(n, RCX)
	MOVQ(I32(-1), RAX)
	SHLQ(CL, RAX)
	NOTQ(RAX)
	KMOVW(EAX, k)
}
