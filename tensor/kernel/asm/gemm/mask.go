package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// window is lineBytes of ones and as many of zeros: a line that starts n
// elements before the zeros masks all but its first n elements.
var window Mem

// emitWindow writes the window into the file's data.
func emitWindow() {
	window = GLOBL("window", RODATA|NOPTR)
	for i := range 2 * lineBytes / 8 {
		ones := U64(1<<64 - 1)
		if i >= lineBytes/8 {
			ones = 0
		}
		DATA(i*8, ones)
	}
}

// lineMask returns the mask of part j of a line's first n elements. For AVX2 a
// call overwrites the mask of the one before.
func (d dot) lineMask(n GPPhysical) func(j int) Op {
	if !d.zmm {
		LEAQ(window.Offset(lineBytes), RAX)
		SHLQ(U8(shiftOf(d.size())), n)
		SUBQ(n, RAX)
		return func(j int) Op {
			d.move(Mem{Base: RAX, Disp: j * d.bytes()}, d.mask(j))
			return d.mask(j)
		}
	}
	MOVQ(I32(-1), RAX)
	SHLQ(CL, RAX) // n is in RCX
	NOTQ(RAX)
	for j := range d.parts() {
		KMOVW(EAX, ks[j])
		SHRQ(U8(d.lanes()), RAX)
	}
	return func(j int) Op { return ks[j] }
}

// maskedLoad loads the masked elements of m and clears the other lanes.
func (d dot) maskedLoad(m, mask, v Op) {
	switch {
	case d.zmm:
		d.moveZ(m, mask, v)
	case d.double:
		VMASKMOVPD(m, mask, v)
	default:
		VMASKMOVPS(m, mask, v)
	}
}
