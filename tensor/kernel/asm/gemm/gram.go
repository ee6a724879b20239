package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gramBlock is how many steps of k are summed in float32.
const gramBlock = 256

// emitGram writes the body. Tiles on the diagonal often need but half of their
// columns; AVX-512 leaves the other half out.
func (t tile) emitGram(name string, k, a, b, c, ldc GPPhysical) {
	// Aligned, as a vector that crosses a line is stored in two goes.
	frame := R10
	LEAQ(AllocLocal(t.rows*t.stride*t.bytes()+64), frame)
	ADDQ(U8(63), frame)
	ANDQ(I8(-64), frame)
	if t.zmm {
		Load(Param("cols"), R8)
		CMPQ(R8, U8(t.lanes()))
		JLE(LabelRef(name + "_half"))
	}
	t.gramBody(name, k, a, b, c, ldc, frame)
	if t.zmm {
		t.cols = 1
		Label(name + "_half")
		t.gramBody(name+"_half", k, a, b, c, ldc, frame)
	}
}

// gramBody sums one block, or two, of which the first waits in the frame: C,
// which lies far away, is then read and written once for both.
func (t tile) gramBody(name string, k, a, b, c, ldc, frame GPPhysical) {
	left := R9
	XORQ(left, left)
	CMPQ(k, I32(gramBlock))
	JLE(LabelRef(name + "_last"))
	MOVQ(k, left)
	SUBQ(I32(gramBlock), left)
	MOVQ(I32(gramBlock), k)
	t.loop(name+"_first", k, a, b)
	for i := range t.rows {
		for j := range t.cols {
			t.move(t.acc(i, j), Mem{Base: frame, Disp: (i*t.stride + j) * t.bytes()})
		}
	}
	MOVQ(left, k)
	Label(name + "_last")
	t.loop(name, k, a, b)
	TESTQ(left, left)
	JZ(LabelRef(name + "_alone"))
	t.storeGram(name+"_two", c, ldc, func(i, j int) Op {
		return Mem{Base: frame, Disp: i*t.stride*t.bytes() + j*t.bytes()/2}
	})
	Label(name + "_alone")
	t.storeGram(name+"_one", c, ldc, nil)
}

// storeGram widens the tile's first rows to double and adds them to C, half a
// vector at a time; before them what lies in the frame, if anything does.
func (t tile) storeGram(name string, c, ldc GPPhysical, before func(i, j int) Op) {
	Load(Param("rows"), RDI)
	if t.zmm {
		t.masks(2*t.cols, t.lanes()/2)
	}
	for i := range t.rows {
		for j := range t.cols {
			for half := range 2 {
				if half == 1 {
					t.upper(t.acc(i, j))
				}
				t.readHalf(c, 2*j+half)
				if before != nil {
					VCVTPS2PD(before(i, 2*j+half), t.b(0))
					VADDPD(t.b(0), t.b(1), t.b(1))
				}
				t.addHalf(c, 2*j+half, t.acc(i, j))
			}
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

// readHalf reads the j'th vector of doubles in a row of C.
func (t tile) readHalf(c Register, j int) {
	at := Mem{Base: c, Disp: j * t.bytes()}
	if t.zmm {
		VMOVUPD_Z(at, ks[j], t.b(1))
		return
	}
	VMOVUPD(at, t.b(1))
}

// addHalf adds the lower half of v to it and writes it back.
func (t tile) addHalf(c Register, j int, v VecPhysical) {
	at := Mem{Base: c, Disp: j * t.bytes()}
	wide, sum := t.b(0), t.b(1)
	if !t.zmm {
		VCVTPS2PD(v.AsX(), wide)
		VADDPD(wide, sum, sum)
		VMOVUPD(sum, at)
		return
	}
	VCVTPS2PD(v.AsY(), wide)
	VADDPD(wide, sum, sum)
	VMOVUPD(sum, ks[j], at)
}
