// Command rng writes the vector loops of package rng.
package main

import (
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rouxml/roux/tensor/kernel/asm/emit"
)

const mul0, mul1, rounds = 0xD2511F53, 0xCD9E8D57, 10

func main() {
	lanes, order := GLOBL("lanes", RODATA|NOPTR), Mem{}
	for i := range 8 {
		DATA(8*i, U64(i))
	}
	order = GLOBL("order", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(i/2+8*(i%2)))
	}
	for _, wide := range []bool{false, true} {
		(&philox{wide: wide, lanes: lanes, order: order}).keep()
		(&philox{wide: wide, lanes: lanes, order: order}).words()
		(&philox{wide: wide, lanes: lanes, order: order}).below()
	}
	if err := emit.Files(os.Args[1], "rng", "philox"); err != nil {
		log.Fatal(err)
	}
}

// philox runs one counter in every 64-bit lane, of which the low halves count:
// a 32 by 32 bit product then needs no shuffling.
type philox struct {
	wide  bool
	lanes Mem
	order Mem // interleaves two registers, low half
	odd   reg.OpmaskVirtual
}

func (p *philox) vec() reg.VecVirtual {
	if p.wide {
		return ZMM()
	}
	return YMM()
}

func (p *philox) counters() int {
	if p.wide {
		return 8
	}
	return 4
}

// strands is how many registers of counters are drawn side by side.
func (p *philox) strands() int {
	if p.wide {
		return 2
	}
	return 1
}

func (p *philox) splat(g reg.GPVirtual) reg.VecVirtual {
	x, v := XMM(), p.vec()
	VMOVQ(g, x)
	VPBROADCASTQ(x, v)
	return v
}

func (p *philox) constant(v uint64) reg.VecVirtual {
	g := GP64()
	MOVQ(U64(v), g)
	return p.splat(g)
}

// word broadcasts a 32-bit word in memory.
func (p *philox) word(base reg.Register, i int) reg.VecVirtual {
	v := p.vec()
	VPBROADCASTD(Mem{Base: base, Disp: 4 * i}, v)
	return v
}

// keep writes 128 bits for each counter: the bits of numbers below the limit.
// Bit by bit from the highest, a plane of random bits r (of ones for zeros)
// decides more of what is open: where the limit has a one, r keeps; where it
// has a zero, not r drops. It ends with the lowest bit that is set in the limit,
// or when nothing is open, which is sooner by a quarter for most limits.
func (p *philox) keep() {
	name := "keepAVX2"
	if p.wide {
		name = "keepAVX512"
	}
	TEXT(name, NOSPLIT, "func(mask *uint64, counter uint64, n int, schedule *uint32, limit uint64)")
	Pragma("noescape")
	Doc(name+" needs n to be a multiple of 16; the schedule is the keys of all rounds and then the two upper words of the", "counter, the limit is 16 bits and not zero.")
	mask, n := Load(Param("mask"), GP64()), Load(Param("n"), GP64())
	schedule, limit := Load(Param("schedule"), GP64()), Load(Param("limit"), GP64())
	counter := Load(Param("counter"), GP64()).(reg.GPVirtual)
	m0, m1 := p.constant(mul0), p.constant(mul1)
	p.odds()
	known := make([]strand, p.strands())
	for k := range known {
		known[k] = strand{[2]reg.VecVirtual{p.vec(), p.vec()}, [2]reg.VecVirtual{p.vec(), p.vec()}}
	}
	last, plane := GP64(), GP64()
	TZCNTQ(limit, last)
	Label("counters")
	MOVQ(U32(15), plane)
	for _, m := range known {
		for h := range m.kept {
			VPXOR(m.kept[h].AsX(), m.kept[h].AsX(), m.kept[h].AsX())
			p.ones(m.open[h])
		}
	}
	Label("planes")
	p.fold("", limit, plane, p.draw(counter, plane, schedule, m0, m1), known)
	CMPQ(plane, last)
	JE(LabelRef("decided"))
	DECQ(plane)
	p.jumpIfOpen(known, "planes")
	Label("decided")
	for k, m := range known {
		p.store(m.kept[0], m.kept[1], mask, 16*p.counters()*k)
	}
	ADDQ(U32(p.counters()*p.strands()), counter)
	ADDQ(U32(16*p.counters()*p.strands()), mask)
	SUBQ(U32(p.counters()*p.strands()), n)
	JNZ(LabelRef("counters"))
	VZEROUPPER()
	RET()
}

// own is how many bits of a number are the element's own for below.
const own = 6

// below writes 128 bits for each counter and limit: those of the numbers below
// it. Planes decide the upper bits, and what is left open after them a word that
// 32 elements share. AVX2 has registers for one limit alone.
func (p *philox) below() {
	name, outs := "belowAVX2", []string{"mask"}
	if p.wide {
		name, outs = "belowAVX512", []string{"low", "high"}
	}
	TEXT(name, NOSPLIT, "func("+strings.Join(outs, ", ")+" *uint64, counter uint64, n int, schedule *uint32, limits *uint64)")
	Pragma("noescape")
	Doc(name + " needs n to be a multiple of 16; the schedule is that of keep, a limit has " + fmt.Sprint(own) + " bits above a word.")
	var masks []reg.Register
	for _, out := range outs {
		masks = append(masks, Load(Param(out), GP64()))
	}
	n, schedule, limits := Load(Param("n"), GP64()), Load(Param("schedule"), GP64()), Load(Param("limits"), GP64())
	counter, plane := Load(Param("counter"), GP64()).(reg.GPVirtual), GP64()
	m0, m1 := p.constant(mul0), p.constant(mul1)
	p.odds()
	known := make([][]strand, len(outs))
	for l := range known {
		known[l] = p.unknown()
	}
	Label("counters")
	for _, m := range slices.Concat(known...) {
		for h := range m.kept {
			p.zero(m.kept[h])
			p.ones(m.open[h])
		}
	}
	MOVQ(U32(own-1), plane)
	Label("planes")
	drawn := p.draw(counter, plane, schedule, m0, m1)
	for l := range known {
		upper := GP64()
		MOVL(Mem{Base: limits, Disp: 8*l + 4}, upper.As32())
		p.fold(fmt.Sprint(l), upper, plane, drawn, known[l])
	}
	DECQ(plane)
	JNS(LabelRef("planes"))
	MOVQ(U32(own), plane)
	drawn = p.draw(counter, plane, schedule, m0, m1)
	for l, mask := range masks {
		for k, m := range known[l] {
			p.close(m, drawn[k], Mem{Base: limits, Disp: 8 * l})
			p.store(m.kept[0], m.kept[1], mask, 16*p.counters()*k)
		}
		ADDQ(U32(16*p.counters()*p.strands()), mask)
	}
	ADDQ(U32(p.counters()*p.strands()), counter)
	SUBQ(U32(p.counters()*p.strands()), n)
	JNZ(LabelRef("counters"))
	VZEROUPPER()
	RET()
}

// unknown is room for what is known of the strands' elements.
func (p *philox) unknown() (all []strand) {
	for range p.strands() {
		all = append(all, strand{[2]reg.VecVirtual{p.vec(), p.vec()}, [2]reg.VecVirtual{p.vec(), p.vec()}})
	}
	return all
}

// close keeps what is open where the word of 32 elements is below the limit's.
func (p *philox) close(m strand, drawn [2]reg.VecVirtual, limit Mem) {
	for h, word := range drawn {
		if p.wide {
			k := K()
			VPCMPUD_BCST(U8(1), limit, word, k)
			VPORD(m.open[h], m.kept[h], k, m.kept[h])
			continue
		}
		sign, v := p.constant(0x80000000_80000000), p.vec()
		VPBROADCASTD(limit, v)
		VPXOR(sign, v, v)
		VPXOR(sign, word, word)
		VPCMPGTD(word, v, v)
		VPAND(m.open[h], v, v)
		VPOR(v, m.kept[h], m.kept[h])
	}
}

func (p *philox) zero(v reg.VecVirtual) {
	if p.wide {
		VPXORD(v, v, v)
		return
	}
	VPXOR(v, v, v)
}

// words writes the four words of each counter.
func (p *philox) words() {
	name := "wordsAVX2"
	if p.wide {
		name = "wordsAVX512"
	}
	TEXT(name, NOSPLIT, "func(dst *uint32, counter uint64, n int, schedule *uint32)")
	Pragma("noescape")
	Doc(name + " writes 4n words and needs n to be a multiple of 8; the schedule is that of keep.")
	dst, n := Load(Param("dst"), GP64()), Load(Param("n"), GP64())
	schedule := Load(Param("schedule"), GP64())
	at := p.splat(Load(Param("counter"), GP64()).(reg.GPVirtual))
	VPADDQ(p.lanes, at, at)
	step := p.constant(uint64(p.counters()))
	m0, m1 := p.constant(mul0), p.constant(mul1)
	p.odds()
	Label("counters")
	c := p.start(at, schedule)
	for r := range rounds {
		c = p.round(c, m0, m1, Mem{Base: schedule, Disp: 8 * r}, Mem{Base: schedule, Disp: 8*r + 4})
	}
	p.store(p.pair(c[0], c[1]), p.pair(c[2], c[3]), dst, 0)
	VPADDQ(step, at, at)
	ADDQ(U32(16*p.counters()), dst)
	SUBQ(U32(p.counters()), n)
	JNZ(LabelRef("counters"))
	VZEROUPPER()
	RET()
}

// odds makes the mask of the upper halves of all lanes.
func (p *philox) odds() {
	if p.wide {
		g := GP32()
		MOVL(U32(0xaaaa), g)
		p.odd = K()
		KMOVW(g, p.odd)
	}
}

// strand is what is known of 128 elements a counter, in two halves.
type strand struct{ kept, open [2]reg.VecVirtual }

func (p *philox) ones(v reg.VecVirtual) {
	if p.wide {
		VPTERNLOGD(U8(0xff), v, v, v)
		return
	}
	VPCMPEQD(v, v, v)
}

// jumpIfOpen jumps where some element is still open.
func (p *philox) jumpIfOpen(known []strand, label string) {
	some := p.vec()
	if !p.wide {
		VPOR(known[0].open[0], known[0].open[1], some)
		VPTEST(some, some)
		JNZ(LabelRef(label))
		return
	}
	VPORQ(known[0].open[0], known[0].open[1], some)
	for _, m := range known[1:] {
		VPTERNLOGQ(U8(0xfe), m.open[0], m.open[1], some)
	}
	k := K()
	VPTESTMQ(some, some, k)
	KORTESTB(k, k)
	JNZ(LabelRef(label))
}

// draw is all rounds of every strand, side by side: each waits long for its
// products.
func (p *philox) draw(counter, plane reg.GPVirtual, schedule reg.Register, m0, m1 reg.VecVirtual) (planes [][2]reg.VecVirtual) {
	c := make([][4]reg.VecVirtual, p.strands())
	at := GP64()
	MOVQ(plane, at)
	SHLQ(Imm(59), at)
	ADDQ(counter, at)
	for k := range c {
		if k > 0 {
			ADDQ(U32(p.counters()), at)
		}
		v := p.splat(at)
		VPADDQ(p.lanes, v, v)
		c[k] = p.start(v, schedule)
	}
	for r := range rounds {
		for k := range c {
			c[k] = p.round(c[k], m0, m1, Mem{Base: schedule, Disp: 8 * r}, Mem{Base: schedule, Disp: 8*r + 4})
		}
	}
	for _, c := range c {
		planes = append(planes, [2]reg.VecVirtual{p.pair(c[0], c[1]), p.pair(c[2], c[3])})
	}
	return planes
}

// fold lets a plane decide; its number is the upper bits of its counters. The
// name tells its labels from those of others.
func (p *philox) fold(name string, limit, plane reg.Register, drawn [][2]reg.VecVirtual, known []strand) {
	or, and, andNot := VPOR, VPAND, VPANDN
	if p.wide {
		or, and = func(m, x, y Op) { VPORQ(m, x, y) }, func(m, x, y Op) { VPANDQ(m, x, y) }
		andNot = func(m, x, y Op) { VPANDNQ(m, x, y) }
	}
	BTQ(plane, limit)
	JCC(LabelRef("zero" + name))
	for k, m := range known {
		for h, r := range drawn[k] {
			t := p.vec()
			and(r, m.open[h], t)
			or(t, m.kept[h], m.kept[h])
			andNot(m.open[h], r, m.open[h])
		}
	}
	JMP(LabelRef("folded" + name))
	Label("zero" + name)
	for k, m := range known {
		for h, r := range drawn[k] {
			and(r, m.open[h], m.open[h])
		}
	}
	Label("folded" + name)
}

// store interleaves the words of low and high.
func (p *philox) store(low, high reg.VecVirtual, mask reg.Register, disp int) {
	a, b := p.vec(), p.vec()
	if p.wide {
		one := p.constant(4)
		VMOVDQU64(p.order, a)
		VPADDQ(a, one, b)
		VPERMI2Q(high, low, a)
		VPERMI2Q(high, low, b)
		VMOVDQU64(a, Mem{Base: mask, Disp: disp})
		VMOVDQU64(b, Mem{Base: mask, Disp: disp + 64})
		return
	}
	VPUNPCKLQDQ(high, low, a)
	VPUNPCKHQDQ(high, low, b)
	c := p.vec()
	VPERM2I128(U8(0x20), b, a, c)
	VMOVDQU(c, Mem{Base: mask, Disp: disp})
	VPERM2I128(U8(0x31), b, a, c)
	VMOVDQU(c, Mem{Base: mask, Disp: disp + 32})
}
