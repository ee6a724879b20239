package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitGram writes the body. Tiles on the diagonal often need but half of their
// columns; AVX-512 leaves the other half out.
func (t tile) emitGram(name string, k, a, b, c, ldc GPPhysical) {
	if t.zmm {
		Load(Param("cols"), R8)
		CMPQ(R8, U8(t.lanes()))
		JLE(LabelRef(name + "_narrow"))
	}
	t.loop(name, k, a, b)
	t.storeGram(name, c, ldc)
	if t.zmm {
		t.cols = 1
		Label(name + "_narrow")
		t.loop(name+"_narrow", k, a, b)
		t.storeGram(name+"_narrow", c, ldc)
	}
}

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
