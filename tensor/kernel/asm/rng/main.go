// Command rng writes the vector loops of package rng.
package main

import (
	"log"
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rouxml/roux/tensor/kernel/asm/emit"
)

const mul0, mul1, rounds = 0xD2511F53, 0xCD9E8D57, 10

func main() {
	lanes := GLOBL("lanes", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(i))
	}
	for _, wide := range []bool{false, true} {
		(&philox{wide: wide, lanes: lanes}).keep()
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

// keep writes one byte for each counter: bit l says that its l-th 16-bit draw
// is below the limit.
func (p *philox) keep() {
	name := "keepAVX2"
	if p.wide {
		name = "keepAVX512"
	}
	TEXT(name, NOSPLIT, "func(mask *byte, counter uint64, n int, schedule *uint32, limit uint64)")
	Pragma("noescape")
	Doc(name + " needs n to be a multiple of 8; the schedule is the keys of all rounds and then the two upper words of the counter.")
	mask, n := Load(Param("mask"), GP64()), Load(Param("n"), GP64())
	schedule := Load(Param("schedule"), GP64())
	at := p.splat(Load(Param("counter"), GP64()).(reg.GPVirtual))
	VPADDQ(p.lanes, at, at)
	step := p.constant(uint64(p.counters()))
	m0, m1 := p.constant(mul0), p.constant(mul1)
	limit := p.limit()
	low, high := GP64(), GP64()
	MOVQ(U64(0x0f0f0f0f0f0f0f0f), low)
	MOVQ(U64(0xf0f0f0f0f0f0f0f0), high)
	if p.wide {
		g := GP32()
		MOVL(U32(0xaaaa), g)
		p.odd = K()
		KMOVW(g, p.odd)
	}
	Label("loop")
	c := p.start(at, schedule)
	for r := range rounds {
		c = p.round(c, m0, m1, Mem{Base: schedule, Disp: 8 * r}, Mem{Base: schedule, Disp: 8*r + 4})
	}
	a, b := p.below(p.pair(c[0], c[1]), limit), p.below(p.pair(c[2], c[3]), limit)
	PDEPQ(low, a, a)
	PDEPQ(high, b, b)
	ORQ(a, b)
	if p.wide {
		MOVQ(b, Mem{Base: mask})
	} else {
		MOVL(b.As32(), Mem{Base: mask})
	}
	VPADDQ(step, at, at)
	ADDQ(U32(p.counters()), mask)
	SUBQ(U32(p.counters()), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func (p *philox) limit() reg.VecVirtual {
	x, v := XMM(), p.vec()
	VMOVQ(Load(Param("limit"), GP64()), x)
	VPBROADCASTW(x, v)
	return v
}

// start is the four words of the counters.
func (p *philox) start(at reg.VecVirtual, schedule reg.Register) [4]reg.VecVirtual {
	c0, c1 := p.vec(), p.vec()
	if p.wide {
		VMOVDQU64(at, c0)
	} else {
		VMOVDQU(at, c0)
	}
	VPSRLQ(Imm(32), at, c1)
	return [4]reg.VecVirtual{c0, c1, p.word(schedule, 2*rounds), p.word(schedule, 2*rounds+1)}
}

func (p *philox) round(c [4]reg.VecVirtual, m0, m1 reg.VecVirtual, k0, k1 Mem) [4]reg.VecVirtual {
	p0, p1, h0, h1 := p.vec(), p.vec(), p.vec(), p.vec()
	VPMULUDQ(m0, c[0], p0)
	VPMULUDQ(m1, c[2], p1)
	VPSRLQ(Imm(32), p0, h0)
	VPSRLQ(Imm(32), p1, h1)
	p.xor3(h1, c[1], k0)
	p.xor3(h0, c[3], k1)
	return [4]reg.VecVirtual{h1, p1, h0, p0}
}

// xor3 sets x to x, y and a broadcast word, all by exclusive or.
func (p *philox) xor3(x, y reg.VecVirtual, k Mem) {
	if p.wide {
		VPTERNLOGD_BCST(U8(0x96), k, y, x)
		return
	}
	v := p.vec()
	VPBROADCASTD(k, v)
	VPXOR(y, x, x)
	VPXOR(v, x, x)
}

// pair joins the low halves of two registers' lanes, b's above a's.
func (p *philox) pair(a, b reg.VecVirtual) reg.VecVirtual {
	t := p.vec()
	VPSLLQ(Imm(32), b, t)
	if p.wide {
		VPBLENDMD(t, a, p.odd, t)
	} else {
		VPBLENDD(U8(0xaa), t, a, t)
	}
	return t
}

// below is a bit for each 16-bit draw that is below the limit.
func (p *philox) below(x, limit reg.VecVirtual) reg.GPVirtual {
	g := GP64()
	if p.wide {
		k := K()
		VPCMPUW(Imm(1), limit, x, k)
		KMOVD(k, g.As32())
		return g
	}
	v, pick := p.vec(), GP64()
	VPMAXUW(limit, x, v)
	VPCMPEQW(x, v, v) // at least the limit
	VPMOVMSKB(v, g.As32())
	NOTL(g.As32())
	MOVQ(U64(0x55555555), pick)
	PEXTQ(pick, g, g)
	return g
}
