package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
