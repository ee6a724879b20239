package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// storeGram widens the tile's first rows to double and adds them to C, half a
// vector at a time.
func (t tile) storeGram(name string, c, ldc GPPhysical) {
	Load(Param("rows"), RDI)
	if t.zmm {
		t.masks(2*t.cols, t.lanes()/2)
	}
	for i := range t.rows {
		for j := range t.cols {
			t.addHalf(c, 2*j, t.acc(i, j))
			t.upper(t.acc(i, j))
			t.addHalf(c, 2*j+1, t.acc(i, j))
		}
		if i < t.rows-1 {
			DECQ(RDI)
			JZ(LabelRef(name + "_done"))
			ADDQ(ldc, c)
		}
	}
	Label(name + "_done")
	VZEROUPPER()
	RET()
}

// upper moves a vector's upper half down.
func (t tile) upper(v VecPhysical) {
	if t.zmm {
		VEXTRACTF64X4(U8(1), v, v.AsY())
	} else {
		VEXTRACTF128(U8(1), v, v.AsX())
	}
}

// addHalf adds the lower half of v to the j'th vector of doubles in a row.
func (t tile) addHalf(c Register, j int, v VecPhysical) {
	at := Mem{Base: c, Disp: j * t.bytes()}
	wide, old := t.b(0), t.b(1)
	if !t.zmm {
		VCVTPS2PD(v.AsX(), wide)
		VADDPD(at, wide, wide)
		VMOVUPD(wide, at)
		return
	}
	VCVTPS2PD(v.AsY(), wide)
	VMOVUPD_Z(at, ks[j], old)
	VADDPD(old, wide, wide)
	VMOVUPD(wide, ks[j], at)
}
