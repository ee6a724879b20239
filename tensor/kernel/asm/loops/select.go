package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) selection() {
	s.bracket("bracket", "func(x *float32, n int, lo, hi int32, between *uint32, counts *uint32) (taken int)", magnitudes{isa: s})
	s.bracket("bracketBF16", "func(x, less *byte, n int, lo, hi int32, between *uint32, counts *uint32) (taken int)", magnitudes{isa: s, raw: true})
	s.aboveMask("aboveMask", "func(keep *uint64, x *float32, n int, bound int32)", magnitudes{isa: s})
	s.aboveMask("aboveMaskBF16", "func(keep *uint64, x, less *byte, n int, bound int32)", magnitudes{isa: s, raw: true})
}

// magnitudes loads the magnitude bits of float32 numbers, or of differences of
// bfloat16.
type magnitudes struct {
	isa
	raw     bool
	x, less reg.GPVirtual
	abs     reg.VecVirtual
}

func (m *magnitudes) begin() {
	m.x, m.abs = ptr("x"), m.splat(0x7fffffff)
	if m.raw {
		m.less = ptr("less")
	}
}

func (m *magnitudes) load(i reg.GPVirtual) reg.VecVirtual {
	v := m.vec()
	if !m.raw {
		m.and(elem(m.x, i, 0), m.abs, v)
		return v
	}
	less := m.vec()
	VPMOVZXWD(Mem{Base: m.x, Index: i, Scale: 2}, v)
	VPMOVZXWD(Mem{Base: m.less, Index: i, Scale: 2}, less)
	VPSLLD(Imm(16), v, v)
	VPSLLD(Imm(16), less, less)
	VSUBPS(less, v, v)
	m.and(v, m.abs, v)
	return v
}

// bracket sorts magnitudes into above hi, equal to hi, equal to lo, and those
// strictly between, which it copies out in order.
func (s isa) bracket(name, signature string, m magnitudes) {
	s.begin(name, signature)
	Doc(name + " needs n to be a multiple of a vector, room for n+16 in between, and writes three vectors of counts: above hi, at hi, at lo.")
	m.begin()
	n, counts := ptr("n"), ptr("counts")
	b := bracket{isa: s, between: ptr("between"), lo: s.int32("lo"), hi: s.int32("hi"), above: s.zero(), atHi: s.zero(), atLo: s.zero(), taken: GP64()}
	XORQ(b.taken, b.taken)
	if s.wide {
		b.one = s.splat(1)
	}
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := m.load(i)
		if s.wide {
			b.wide(v)
		} else {
			b.narrow(v)
		}
	})
	for i, v := range []reg.VecVirtual{b.above, b.atHi, b.atLo} {
		VMOVUPS(v, at(counts, i*s.bytes()))
	}
	Store(b.taken, ReturnIndex(0))
	end()
}

type bracket struct {
	isa
	between, taken    reg.GPVirtual
	lo, hi, one       reg.VecVirtual
	above, atHi, atLo reg.VecVirtual
}

func (b bracket) wide(v reg.VecVirtual) {
	k, in := K(), K()
	VPCMPGTD(b.hi, v, k)
	VPADDD(b.one, b.above, k, b.above)
	VPCMPEQD(b.hi, v, k)
	VPADDD(b.one, b.atHi, k, b.atHi)
	VPCMPEQD(b.lo, v, k)
	VPADDD(b.one, b.atLo, k, b.atLo)
	VPCMPGTD(b.lo, v, in)
	VPCMPGTD(v, b.hi, in, in)
	packed := b.vec()
	VPCOMPRESSD_Z(v, in, packed)
	VMOVUPS(packed, elem(b.between, b.taken, 0))
	c := GP32()
	KMOVW(in, c)
	POPCNTL(c, c)
	ADDQ(c.As64(), b.taken)
}

func (b bracket) narrow(v reg.VecVirtual) {
	t, u := b.vec(), b.vec()
	VPCMPGTD(b.hi, v, t)
	VPSUBD(t, b.above, b.above)
	VPCMPEQD(b.hi, v, t)
	VPSUBD(t, b.atHi, b.atHi)
	VPCMPEQD(b.lo, v, t)
	VPSUBD(t, b.atLo, b.atLo)
	VPCMPGTD(b.lo, v, t)
	VPCMPGTD(v, b.hi, u)
	VPAND(t, u, t)
	m := GP32()
	VMOVMSKPS(t, m)
	TESTL(m, m)
	JZ(LabelRef("none"))
	lanes := AllocLocal(b.bytes())
	VMOVDQU(v, lanes)
	base := GP64()
	LEAQ(lanes, base)
	Label("lane")
	l, x := GP32(), GP32()
	TZCNTL(m, l)
	MOVL(elem(base, l.As64(), 0), x)
	MOVL(x, elem(b.between, b.taken, 0))
	INCQ(b.taken)
	BLSRL(m, m)
	JNZ(LabelRef("lane"))
	Label("none")
}

// aboveMask sets the bit of every element whose magnitude bits are greater
// than a bound.
func (s isa) aboveMask(name, signature string, m magnitudes) {
	s.begin(name, signature)
	Doc(name + " needs n to be a multiple of a vector.")
	m.begin()
	keep, n, bound := ptr("keep"), ptr("n"), s.int32("bound")
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		g, to := s.greaterBits(m.load(i), bound), GP64()
		MOVQ(i, to)
		SHRQ(Imm(3), to)
		if s.wide {
			MOVW(g.As16(), Mem{Base: keep, Index: to, Scale: 1})
		} else {
			MOVB(g.As8(), Mem{Base: keep, Index: to, Scale: 1})
		}
	})
	end()
}
