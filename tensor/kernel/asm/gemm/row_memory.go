package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Instructions between which lines are asked for, roughly.
const (
	fmaOps    = 2  // for a value of a group
	squareOps = 64 // of a square that is transposed
)

// tick stands behind so many instructions of a block: memory is asked for in even
// measure, since a core waits when it has asked for too much at once.
func (p *row) tick(ops int) {
	p.ticks += ops
	all := fmaOps * p.of.values * len(p.together())
	if p.zmm && p.of.bytes == 64 {
		all += 2 * squareOps
	}
	each := (p.of.bytes + 63) / 64
	for lines := p.lanes() * len(p.together()) * each; p.lines*all < p.ticks*lines; p.lines++ {
		PREFETCHT0(Mem{Base: rowLater, Disp: 64 * (p.lines % each)})
		if p.lines%each == each-1 {
			ADDQ(rowLd, rowLater)
		}
	}
}

// aheadBytes is how far ahead of its use each row's memory is asked for.
const aheadBytes = 256

// ahead is how many blocks of a row memory is asked for before they are needed:
// a few lines, so that those of all rows stay in the first cache.
func (p *row) ahead() int { return max(1, aheadBytes/p.of.bytes) }

// beginAsking sets where memory is asked for: a few blocks ahead, and from the
// rows at later on when those of this call end.
func (p *row) beginAsking(name string) {
	Load(Param("later"), rowLater)
	MOVQ(rowLater, rowTurn)
	SUBQ(bases[0], rowTurn)
	IMUL3Q(I32(p.of.bytes), rowLeft, RAX)
	SUBQ(RAX, rowTurn)
	MOVQ(rowTurn, p.turn)
	MOVQ(rowLeft, rowTurn)
	SUBQ(I32(p.ahead()), rowTurn)
	JLE(LabelRef(name + "_short"))
	LEAQ(Mem{Base: bases[0], Disp: p.ahead() * p.of.bytes}, rowLater)
	Label(name + "_short")
}

// turnAsking moves on along the rows that memory is asked for.
func (p *row) turnAsking(name string) {
	for range rowsTogether / p.lanes() {
		SUBQ(rowHop, rowLater)
	}
	ADDQ(I32(p.of.bytes), rowLater)
	DECQ(rowTurn)
	JNZ(LabelRef(name + "_same"))
	ADDQ(p.turn, rowLater)
	Label(name + "_same")
}

// emitFetch writes a request for lines of memory.
func emitFetch() {
	TEXT("fetch", NOSPLIT, "func(from *float32, lines int)")
	Doc("fetch asks for so many cache lines, at least one.")
	Pragma("noescape")
	Load(Param("from"), RAX)
	Load(Param("lines"), RCX)
	Label("next")
	PREFETCHT0(Mem{Base: RAX})
	ADDQ(U8(64), RAX)
	DECQ(RCX)
	JNZ(LabelRef("next"))
	RET()
}
