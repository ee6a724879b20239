package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitPause writes a wait that leaves the core to its other thread.
func emitPause() {
	TEXT("pause", NOSPLIT, "func(n int)")
	Doc("pause waits n times for some dozens of cycles, n at least one.")
	Load(Param("n"), RAX)
	Label("again")
	PAUSE()
	DECQ(RAX)
	JNZ(LabelRef("again"))
	RET()
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
