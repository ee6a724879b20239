package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vector is the width that a loop is written for.
type vector struct{ zmm bool }

func (v vector) level() string {
	if v.zmm {
		return "AVX512"
	}
	return "AVX2"
}

func (v vector) lanes() int {
	if v.zmm {
		return 8
	}
	return 4
}

func (v vector) bytes() int { return 8 * v.lanes() }

func (v vector) reg() VecVirtual {
	if v.zmm {
		return ZMM()
	}
	return YMM()
}

func (v vector) zero(r Op) { VXORPD(r, r, r) }

// sum adds the lanes of r and stores the total at m.
func (v vector) sum(r VecVirtual, m Mem) {
	if v.zmm {
		upper := YMM()
		VEXTRACTF64X4(Imm(1), r, upper)
		VADDPD(upper, r.AsY(), r.AsY())
	}
	upper := XMM()
	VEXTRACTF128(Imm(1), r.AsY(), upper)
	VADDPD(upper, r.AsX(), r.AsX())
	VUNPCKHPD(r.AsX(), r.AsX(), upper)
	VADDSD(upper, r.AsX(), r.AsX())
	VMOVSD(r.AsX(), m)
}

// tail is the mask of the last n lanes, for n below the width.
type tail struct {
	v    vector
	mask Op
}

// window is four lanes of ones before four of zeros; AVX2 masks slide over it.
var window *Mem

// newTail makes the mask of n lanes; n is clobbered.
func (v vector) newTail(n GPVirtual) tail {
	if v.zmm {
		k, ones := K(), GP64()
		XORL(ones.As32(), ones.As32())
		BTSQ(n, ones)
		DECQ(ones)
		KMOVW(ones.As32(), k)
		return tail{v, k}
	}
	if window == nil {
		m := GLOBL("window", attr.RODATA|attr.NOPTR)
		window = &m
		for i := range 8 {
			DATA(8*i, U64([]uint64{^uint64(0), 0}[i/4]))
		}
	}
	at, m := GP64(), YMM()
	LEAQ(*window, at)
	NEGQ(n)
	VMOVUPD(Mem{Base: at, Index: n, Scale: 8, Disp: 32}, m)
	return tail{v, m}
}

// load sets the lanes outside the mask to zero.
func (t tail) load(m Mem, r VecVirtual) {
	if t.v.zmm {
		VMOVUPD_Z(m, t.mask, r)
	} else {
		VMASKMOVPD(m, t.mask, r)
	}
}

func (t tail) store(r VecVirtual, m Mem) {
	if t.v.zmm {
		VMOVUPD(r, t.mask, m)
	} else {
		VMASKMOVPD(r, t.mask, m)
	}
}

// over puts the lanes outside the mask from other into r.
func (t tail) over(r, other VecVirtual) {
	if t.v.zmm {
		VBLENDMPD(r, other, t.mask, r)
	} else {
		VBLENDVPD(t.mask, r, other, r)
	}
}
