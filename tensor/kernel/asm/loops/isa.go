package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one level of vector instructions. Where the mnemonics are the same, a
// kernel is written once and built for both.
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

// half is a register of half the width.
func (s isa) half() reg.VecVirtual {
	if s.wide {
		return YMM()
	}
	return XMM()
}

func (s isa) bytes() int { return 4 * s.lanes }

// splat is a register with the same 32 bits in every lane.
func (s isa) splat(bits uint32) reg.VecVirtual {
	g, x, v := GP32(), XMM(), s.vec()
	MOVL(U32(bits), g)
	VMOVD(g, x)
	VPBROADCASTD(x, v)
	return v
}

// zero clears a new register.
func (s isa) zero() reg.VecVirtual {
	v := s.vec()
	x := v.AsX()
	VXORPS(x, x, x)
	return v
}

// param32 broadcasts a float32 parameter.
func (s isa) param32(name string) reg.VecVirtual {
	v := s.vec()
	VBROADCASTSS(addr(name), v)
	return v
}

// int32 broadcasts an int32 parameter.
func (s isa) int32(name string) reg.VecVirtual {
	x, v := XMM(), s.vec()
	VMOVD(Load(Param(name), GP32()), x)
	VPBROADCASTD(x, v)
	return v
}

// compare is a mask of a op b: 0 is equal, 1 less, 2 at most, 3 unordered,
// 4 not equal, 5 not less, 7 ordered, 9 not at least, 14 greater.
func (s isa) compare(a, b reg.VecVirtual, op uint8) reg.Register {
	if s.wide {
		k := K()
		VCMPPS(U8(op), b, a, k)
		return k
	}
	v := s.vec()
	VCMPPS(U8(op), b, a, v)
	return v
}

// blend overwrites the lanes of v that the mask names.
func (s isa) blend(mask reg.Register, by, v reg.VecVirtual) {
	if s.wide {
		VMOVAPS(by, mask.(reg.OpmaskVirtual), v)
		return
	}
	VBLENDVPS(mask.(reg.VecVirtual), by, v, v)
}

// copied is a new register with what v holds.
func (s isa) copied(v reg.VecVirtual) reg.VecVirtual {
	u := s.vec()
	VMOVAPS(v, u)
	return u
}

// addr is the place of a parameter on the stack.
func addr(name string) Op {
	c, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return c.Addr
}

// begin opens a function.
func (s isa) begin(name, signature string) {
	TEXT(name+s.name, NOSPLIT, signature)
	Pragma("noescape")
}

// end closes a function.
func end() {
	VZEROUPPER()
	RET()
}

// ptr loads a pointer or int parameter.
func ptr(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// at is the memory behind a pointer.
func at(p reg.Register, disp int) Mem { return Mem{Base: p, Disp: disp} }

// elem is element i of a float32 slice, disp bytes further.
func elem(p, i reg.Register, disp int) Mem { return Mem{Base: p, Index: i, Scale: 4, Disp: disp} }

// each runs body for i from 0 in steps of step, up to n, which is a multiple
// of step and not zero. Every body ends before the next begins.
func each(label string, n reg.GPVirtual, step int, body func(i reg.GPVirtual)) {
	i := GP64()
	XORQ(i, i)
	Label(label)
	body(i)
	ADDQ(U32(step), i)
	CMPQ(i, n)
	JLT(LabelRef(label))
}
