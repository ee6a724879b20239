package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A row loop multiplies one row with rowsTogether rows of a matrix. A lane
// stands for a row of the matrix, so that each sum is one chain over k, as in a
// tile. AVX-512 holds all rows in two groups of lanes whose chains hide each
// other's latency; AVX2 takes four groups in turn.
const (
	rowsTogether = 32
	sumSteps     = 512 // of k in a sum: kc of the kits
)

// format is what the rows of the matrix are made of.
type format struct {
	name          string
	bytes, values int
	set           func(p *row) // fills registers of constants
	multiply      func(p *row) // adds the products of a block of each row
}

// row is one loop while it is written.
type row struct {
	elem
	of           format
	at           int // the group whose rows the bases hold
	parts        Mem // room for 16 vectors of each group
	turn         Mem // how far it is to later when memory has been asked for all of a row
	ticks, lines int // instructions of the block that were written, and lines asked for
}

var rowFormats = []format{
	{"", 64, 16, nil, plainRows(plain)},
	{"BF16", 64, 32, func(p *row) { p.constant(0xffff0000, p.fixed()) }, plainRows(bf16)},
	{"F16", 64, 32, nil, plainRows(f16)},
	{"Q8_0", 34, 32, (*row).setBytes, eightBits},
	{"Q4_0", 18, 32, func(p *row) { p.setNibbles(-8) }, fourBits(false)},
	{"Q4_1", 20, 32, func(p *row) { p.setNibbles(0) }, fourBits(true)},
	{"Q4_K", 144, 256, func(p *row) { p.setNibbles(0) }, fourBitsSuper},
	{"Q5_K", 176, 256, (*row).setBytes, fiveBitsSuper},
	{"Q6_K", 210, 256, (*row).setSix, sixBitsSuper},
}

// The registers of a row loop, beside bases. Within a block RAX is the place of
// the group's sums.
var rowX, rowLd, rowLd3, rowHop, rowLater, rowBlocks, rowLeft, rowTurn = RBX, RDX, R12, R11, RCX, R13, RDI, R14

func emitRows() {
	for _, wide := range []bool{true, false} {
		for _, f := range rowFormats {
			(&row{elem: elem{zmm: wide}, of: f}).emit()
		}
	}
}

// groups is how many groups of lanes there are, and together those that a block
// is decoded for at once.
func (p *row) groups() int { return rowsTogether / p.lanes() }

func (p *row) together() []int {
	if p.zmm {
		return []int{0, 1}
	}
	return []int{0}
}

func (p *row) emit() {
	name := fmt.Sprintf("f32Row%s%s", identifier(p.of.name), p.level())
	p.declare(name)
	p.prologue(name)
	Label(name + "_sum")
	MOVQ(U32(uint32(sumSteps/p.of.values)), rowBlocks)
	CMPQ(rowLeft, rowBlocks)
	CMOVQLT(rowLeft, rowBlocks)
	SUBQ(rowBlocks, rowLeft)
	p.clearSums()
	Label(name + "_block")
	p.block(name)
	p.turnAsking(name)
	ADDQ(I32(4*p.of.values), rowX)
	DECQ(rowBlocks)
	JNZ(LabelRef(name + "_block"))
	p.addSums()
	TESTQ(rowLeft, rowLeft)
	JNZ(LabelRef(name + "_sum"))
	VZEROUPPER()
	RET()
}

func (p *row) declare(name string) {
	TEXT(name, 0, "func(y, x *float32, rows, later *byte, ld, blocks int, alpha float32)")
	Doc(fmt.Sprintf("%s adds the products of %d rows, ld bytes apart, of so many blocks of %d elements, with x to y: alpha times the sum of each %d. It asks memory for what comes, and then for as many rows from later on.", name, rowsTogether, p.of.values, sumSteps))
	Pragma("noescape")
	p.turn = AllocLocal(8)
	p.parts = AllocLocal(16*len(p.together())*p.bytes() + 4*rowsTogether)
}

func (p *row) prologue(name string) {
	Load(Param("x"), rowX)
	Load(Param("rows"), bases[0])
	Load(Param("ld"), rowLd)
	Load(Param("blocks"), rowLeft)
	p.beginAsking(name)
	LEAQ(Mem{Base: rowLd, Index: rowLd, Scale: 2}, rowLd3)
	for i := 1; i < p.lanes()/4; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: rowLd, Scale: 4}, bases[i])
	}
	MOVQ(rowLd, rowHop)
	SHLQ(U8(map[int]int{8: 3, 16: 4}[p.lanes()]), rowHop)
	if p.of.set != nil {
		p.of.set(p)
	}
}

// block takes a block of all rows and leaves the bases at the next.
func (p *row) block(name string) {
	p.ticks, p.lines = 0, 0
	if p.zmm {
		p.of.multiply(p)
		p.hop(0)
		p.step()
		return
	}
	XORQ(RAX, RAX)
	Label(name + "_group")
	p.move(p.sumAt(RAX), p.sum(0))
	p.of.multiply(p)
	p.move(p.sum(0), p.sumAt(RAX))
	p.hop(1)
	p.at = 0
	ADDQ(U8(p.bytes()), RAX)
	CMPQ(RAX, U32(4*rowsTogether))
	JNE(LabelRef(name + "_group"))
	for range p.groups() {
		for _, b := range p.bases() {
			SUBQ(rowHop, b)
		}
	}
	p.step()
}

// step moves on along the rows.
func (p *row) step() {
	for _, b := range p.bases() {
		ADDQ(I32(p.of.bytes), b)
	}
}

func (p *row) bases() []Register { return bases[:p.lanes()/4] }

// hop moves the bases to a group's rows.
func (p *row) hop(g int) {
	for ; p.at != g; p.at += sign(g - p.at) {
		for _, b := range p.bases() {
			if g > p.at {
				ADDQ(rowHop, b)
			} else {
				SUBQ(rowHop, b)
			}
		}
	}
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}
