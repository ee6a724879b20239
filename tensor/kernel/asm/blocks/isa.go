package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one level of vector instructions.
type isa struct {
	name  string
	lanes int // float32 in a register
	wide  bool
}

var isas = []isa{{"AVX2", 8, false}, {"AVX512", 16, true}}

func (s isa) vec() reg.VecVirtual {
	if s.wide {
		return ZMM()
	}
	return YMM()
}

// splat is a register with the same number in every lane.
func (s isa) splat(n uint32) reg.VecVirtual {
	g, x, v := GP32(), XMM(), s.vec()
	MOVL(U32(n), g)
	VMOVD(g, x)
	VPBROADCASTD(x, v)
	return v
}

// half broadcasts the float16 at an address, widened.
func (s isa) half(m Mem) reg.VecVirtual {
	v := s.vec()
	if s.wide {
		y := YMM()
		VPBROADCASTW(m, y)
		VCVTPH2PS(y, v)
		return v
	}
	x := XMM()
	VPBROADCASTW(m, x)
	VCVTPH2PS(x, v)
	return v
}

// bytes loads unsigned bytes, one a lane.
func (s isa) bytes(m Mem) reg.VecVirtual {
	v := s.vec()
	VPMOVZXBD(m, v)
	return v
}

// and is a & b in a new register.
func (s isa) and(a, b reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	if s.wide {
		VPANDD(a, b, v)
	} else {
		VPAND(a, b, v)
	}
	return v
}

// right is a >> n in a new register.
func (s isa) right(a reg.VecVirtual, n uint64) reg.VecVirtual {
	v := s.vec()
	VPSRLD(Imm(n), a, v)
	return v
}

// orLeft sets a to a | b << n; b is spoilt.
func (s isa) orLeft(a, b reg.VecVirtual, n uint64) {
	VPSLLD(Imm(n), b, b)
	if s.wide {
		VPORD(b, a, a)
	} else {
		VPOR(b, a, a)
	}
}

// each opens a function that runs body for n blocks of so many bytes, which
// become so many values.
func (s isa) each(name string, bytes, values int, prepare func(), body func(dst, src reg.GPVirtual)) {
	TEXT(name+s.name, NOSPLIT, "func(dst *float32, src *byte, n int)")
	Pragma("noescape")
	Doc(name + " needs n to be at least one block.")
	dst, src, n := ptr("dst"), ptr("src"), ptr("n")
	prepare()
	Label("block")
	body(dst, src)
	ADDQ(U32(uint32(bytes)), src)
	ADDQ(U32(uint32(4*values)), dst)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

func ptr(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// at is the memory behind a pointer.
func at(p reg.Register, disp int) Mem { return Mem{Base: p, Disp: disp} }
