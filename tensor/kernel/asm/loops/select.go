package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) selection() {
	s.bracket("bracket", "func(x *float32, n int, lo, hi int32, between *uint32, counts *uint32) (taken int)", magnitudes{isa: s})
	s.bracket("bracketBF16", "func(x, less *byte, n int, lo, hi int32, between *uint32, counts *uint32) (taken int)", magnitudes{isa: s, raw: true})
	s.bracketTail()
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
	each("loop", n, s.lanes, func(i reg.GPVirtual) { b.sort(m.load(i)) })
	b.end(counts)
	end()
}

// bracketTail is bracketBF16, and copies out what lies above another bound.
func (s isa) bracketTail() {
	s.begin("bracketTailBF16", "func(x, less *byte, n int, lo, hi int32, between *uint32, counts *uint32, bound int32, tail *uint32) (taken, tailed int)")
	Doc("bracketTailBF16 is bracketBF16 and also copies out, in order, magnitudes above a bound, for which there is as much room.")
	m := magnitudes{isa: s, raw: true}
	m.begin()
	n, counts := ptr("n"), ptr("counts")
	b := bracket{isa: s, between: ptr("between"), lo: s.int32("lo"), hi: s.int32("hi"), above: s.zero(), atHi: s.zero(), atLo: s.zero(), taken: GP64()}
	bound, tail, tailed := s.int32("bound"), ptr("tail"), GP64()
	XORQ(b.taken, b.taken)
	XORQ(tailed, tailed)
	if s.wide {
		b.one = s.splat(1)
	}
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := m.load(i)
		b.sort(v)
		if s.wide {
			k := K()
			VPCMPGTD(bound, v, k)
			b.pack(v, k, tail, tailed)
		} else {
			t := s.vec()
			VPCMPGTD(bound, v, t)
			b.list("tail", v, t, tail, tailed)
		}
	})
	b.end(counts)
	Store(tailed, ReturnIndex(1))
	end()
}

// sort counts and copies out one vector.
func (b bracket) sort(v reg.VecVirtual) {
	if b.wide {
		b.sortWide(v)
	} else {
		b.sortNarrow(v)
	}
}

func (b bracket) end(counts reg.GPVirtual) {
	for i, v := range []reg.VecVirtual{b.above, b.atHi, b.atLo} {
		VMOVUPS(v, at(counts, i*b.bytes()))
	}
	Store(b.taken, ReturnIndex(0))
}

type bracket struct {
	isa
	between, taken    reg.GPVirtual
	lo, hi, one       reg.VecVirtual
	above, atHi, atLo reg.VecVirtual
}

func (b bracket) sortWide(v reg.VecVirtual) {
	k, in := K(), K()
	VPCMPGTD(b.hi, v, k)
	VPADDD(b.one, b.above, k, b.above)
	VPCMPEQD(b.hi, v, k)
	VPADDD(b.one, b.atHi, k, b.atHi)
	VPCMPEQD(b.lo, v, k)
	VPADDD(b.one, b.atLo, k, b.atLo)
	VPCMPGTD(b.lo, v, in)
	VPCMPGTD(v, b.hi, in, in)
	b.pack(v, in, b.between, b.taken)
}

// pack adds lanes to a list.
func (b bracket) pack(v reg.VecVirtual, lanes reg.OpmaskVirtual, list, count reg.GPVirtual) {
	packed, c := b.vec(), GP32()
	VPCOMPRESSD_Z(v, lanes, packed)
	VMOVUPS(packed, elem(list, count, 0))
	KMOVW(lanes, c)
	POPCNTL(c, c)
	ADDQ(c.As64(), count)
}

func (b bracket) sortNarrow(v reg.VecVirtual) {
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
	b.list("lane", v, t, b.between, b.taken)
}

// list adds the lanes of v that t has, one by one.
func (b bracket) list(label string, v, t reg.VecVirtual, list, count reg.GPVirtual) {
	m := GP32()
	VMOVMSKPS(t, m)
	TESTL(m, m)
	JZ(LabelRef("no" + label))
	lanes := AllocLocal(b.bytes())
	VMOVDQU(v, lanes)
	base := GP64()
	LEAQ(lanes, base)
	Label(label)
	l, x := GP32(), GP32()
	TZCNTL(m, l)
	MOVL(elem(base, l.As64(), 0), x)
	MOVL(x, elem(list, count, 0))
	INCQ(count)
	BLSRL(m, m)
	JNZ(LabelRef(label))
	Label("no" + label)
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
