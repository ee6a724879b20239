package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The sums of AVX-512 are in registers; those of AVX2 lie behind the parts.
func (p *row) sum(g int) VecPhysical {
	if p.zmm {
		return zs[24+g]
	}
	return ys[12]
}

func (p *row) sumAt(offset Register) Mem {
	m := p.parts.Offset(16 * len(p.together()) * p.bytes())
	m.Index, m.Scale = offset, 1
	return m
}

func (p *row) clearSums() {
	if p.zmm {
		p.zero(p.sum(0))
		p.zero(p.sum(1))
		return
	}
	p.zero(p.sum(0))
	for g := range p.groups() {
		p.move(p.sum(0), p.parts.Offset(16*p.bytes()+g*p.bytes()))
	}
}

// addSums adds alpha times the sums to y.
func (p *row) addSums() {
	alpha, err := Param("alpha").Resolve()
	check(err)
	p.broadcast(alpha.Addr, p.spare(0))
	Load(Param("y"), RAX)
	for g := range p.groups() {
		sum := p.sum(g)
		if !p.zmm {
			p.move(p.parts.Offset(16*p.bytes()+g*p.bytes()), sum)
		}
		at := Mem{Base: RAX, Disp: g * p.bytes()}
		p.mul(p.spare(0), sum, sum)
		p.add(at, sum, sum)
		p.move(sum, at)
	}
}
