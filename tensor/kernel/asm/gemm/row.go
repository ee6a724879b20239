package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// row multiplies one row with 32 rows of a matrix, in two groups of 16 whose
// sums hide each other's latency. Each sum is one chain over k, as in a tile: a
// square of 16 rows by 16 doublewords is transposed in registers, so that a
// register holds one or two elements of each row. Memory is slow across so many
// rows; it is asked for the rows that come next along them, where it is fast.
type row struct{ from source }

var rowLoops = []row{{plain}, {bf16}, {f16}}

const (
	rowGroups = 2
	rowStep   = 64 // bytes of each row at a time
)

func (p row) emit() {
	name := "f32Row" + p.from.name + "AVX512"
	TEXT(name, NOSPLIT, "func(sums, x *float32, rows, next *byte, ld, blocks int)")
	Doc(fmt.Sprintf("%s adds the products of %d rows, ld bytes apart, with x to sums: blocks times %d elements. It asks memory for what comes: of the rows at next, two and a kilobyte of each, for every block.", name, 16*rowGroups, p.elements()))
	Pragma("noescape")
	x, ld, ld3, next, back, later, n := RBX, RDX, R12, R11, RDI, RCX, R13
	sums := []VecPhysical{zs[24], zs[25]}
	Load(Param("sums"), RAX)
	for g, s := range sums {
		VMOVUPS(Mem{Base: RAX, Disp: 64 * g}, s)
	}
	Load(Param("x"), x)
	Load(Param("rows"), bases[0])
	Load(Param("ld"), ld)
	Load(Param("blocks"), n)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	if p.from == bf16 {
		MOVL(U32(0xffff0000), EAX)
		VPBROADCASTD(EAX, zs[26])
	}
	Load(Param("next"), later)
	for i := 1; i < 4; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: ld, Scale: 4}, bases[i])
	}
	MOVQ(ld, next)
	SHLQ(U8(4), next)
	MOVQ(I32(rowStep), back)
	SUBQ(next, back)
	Label(name + "_block")
	for g, s := range sums {
		for i := range 16 {
			VMOVUPS(rowAt(bases, i, ld, ld3), zs[i])
			PREFETCHT0(Mem{Base: later, Disp: 64 * i})
		}
		for _, b := range bases {
			ADDQ([]Register{next, back}[g], b)
		}
		ADDQ(ld, later)
		p.square(x, s)
	}
	ADDQ(I32(4*p.elements()), x)
	DECQ(n)
	JNZ(LabelRef(name + "_block"))
	Load(Param("sums"), RAX)
	for g, s := range sums {
		VMOVUPS(s, Mem{Base: RAX, Disp: 64 * g})
	}
	VZEROUPPER()
	RET()
}

// elements is how many elements of a row are taken at a time.
func (p row) elements() int { return rowStep / p.from.size(elem{}) }

// square adds the products of 16 rows that lie in the first registers.
func (p row) square(x Register, sum VecPhysical) {
	transpose{elem: elem{zmm: true}}.shuffle16x16()
	for c := range 16 {
		p.add(c, x, sum)
	}
}

// add adds the products of the elements in register c.
func (p row) add(c int, x Register, sum VecPhysical) {
	at := func(i int) Mem { return Mem{Base: x, Disp: 4 * i} }
	low, high := zs[27+c%2], zs[29+c%2]
	switch p.from {
	case plain:
		VFMADD231PS_BCST(at(c), zs[c], sum)
		return
	case bf16:
		VPSLLD(U8(16), zs[c], low)
		VPANDD(zs[26], zs[c], high)
	case f16:
		VPMOVDW(zs[c], low.AsY())
		VPSRLD(U8(16), zs[c], high)
		VPMOVDW(high, high.AsY())
		VCVTPH2PS(low.AsY(), low)
		VCVTPH2PS(high.AsY(), high)
	}
	VFMADD231PS_BCST(at(2*c), low, sum)
	VFMADD231PS_BCST(at(2*c+1), high, sum)
}
