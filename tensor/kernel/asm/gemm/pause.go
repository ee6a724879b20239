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
