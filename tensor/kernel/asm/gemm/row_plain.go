package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// plainRows multiplies 64 bytes of each row, of floats of 32 or 16 bits. AVX-512
// transposes squares of 16 rows by 16 doublewords, AVX2 takes 16 bytes a time.
func plainRows(from source) func(p *row) {
	return func(p *row) {
		if p.zmm {
			for g := range 2 {
				p.hop(g)
				for i := range 16 {
					VMOVUPS(p.place(i, 0), zs[i])
				}
				p.square().shuffle16x16(func() { p.tick(squareOps / 8) })
				for c := range 16 {
					p.doubleword(from, g, c, zs[c])
				}
			}
			return
		}
		for c := range 16 {
			if c%4 == 0 {
				p.quad(0, 4*c, 0)
			}
			p.doubleword(from, 0, c, p.column(0, c%4))
		}
	}
}

// doubleword adds the products of the one or two elements in doubleword c of
// each row.
func (p *row) doubleword(from source, g, c int, v VecPhysical) {
	low, high := p.spare(2*(c%2)), p.spare(2*(c%2)+1)
	switch from {
	case plain:
		p.fmaX(g, c, v)
		return
	case bf16:
		VPSLLD(U8(16), v, low)
		p.keep(p.fixed(), v, high)
	case f16:
		p.halves(v, false, low)
		p.halves(v, true, high)
	}
	p.fmaX(g, 2*c, low)
	p.fmaX(g, 2*c+1, high)
}

// keep is a bitwise and.
func (p *row) keep(a, b, to VecPhysical) {
	if p.zmm {
		VPANDD(a, b, to)
	} else {
		VPAND(a, b, to)
	}
}
