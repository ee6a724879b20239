package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// elem is the type of an element and the width of a vector of it: all that a
// kernel's text depends on besides its shape.
type elem struct {
	double bool
	zmm    bool
}

func (e elem) size() int {
	if e.double {
		return 8
	}
	return 4
}

func (e elem) bytes() int {
	if e.zmm {
		return 64
	}
	return 32
}

func (e elem) lanes() int { return e.bytes() / e.size() }

func (e elem) goType() string {
	if e.double {
		return "float64"
	}
	return "float32"
}

// name is the start of the names of all functions for e.
func (e elem) name() string {
	if e.double {
		return "f64"
	}
	return "f32"
}

func (e elem) level() string {
	if e.zmm {
		return "AVX512"
	}
	return "AVX2"
}

// vec is vector register i.
func (e elem) vec(i int) VecPhysical {
	if e.zmm {
		return zs[i]
	}
	return ys[i]
}

func (e elem) broadcast(m Op, v Op) {
	if e.double {
		VBROADCASTSD(m, v)
	} else {
		VBROADCASTSS(m, v)
	}
}

func (e elem) move(ops ...Op) {
	if e.double {
		VMOVUPD(ops...)
	} else {
		VMOVUPS(ops...)
	}
}

// moveZ loads under a mask and clears the other lanes.
func (e elem) moveZ(m, k, v Op) {
	if e.double {
		VMOVUPD_Z(m, k, v)
	} else {
		VMOVUPS_Z(m, k, v)
	}
}

// fma adds x*y to z.
func (e elem) fma(x, y, z Op) {
	if e.double {
		VFMADD231PD(x, y, z)
	} else {
		VFMADD231PS(x, y, z)
	}
}

func (e elem) mul(x, y, z Op) {
	if e.double {
		VMULPD(x, y, z)
	} else {
		VMULPS(x, y, z)
	}
}

func (e elem) zero(v VecPhysical) {
	if e.zmm {
		VPXORD(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
}

var (
	zs = []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}
	ys = []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}
	xs = []VecPhysical{X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15}
)

func (e elem) add(x, y, z Op) {
	if e.double {
		VADDPD(x, y, z)
	} else {
		VADDPS(x, y, z)
	}
}

func (e elem) moveOne(x, y Op) {
	if e.double {
		VMOVSD(x, y)
	} else {
		VMOVSS(x, y)
	}
}

func (e elem) fmaOne(x, y, z Op) {
	if e.double {
		VFMADD231SD(x, y, z)
	} else {
		VFMADD231SS(x, y, z)
	}
}
