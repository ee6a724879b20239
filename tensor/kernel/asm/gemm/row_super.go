package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// part is where number i of a group's super-blocks is kept.
func (p *row) part(g, i int) Mem { return p.parts.Offset((16*g + i) * p.bytes()) }

// scales keeps the eight scales of a super-block of Q4_K or Q5_K as parts 0 to 7,
// and its eight minima behind; factor is what the scales are multiplied by.
// Four of each lie in six bits of a byte, the others in pieces of four and two.
func (p *row) scales(g int, factor uint32) {
	p.quad(g, 0, 0)
	head, low, shared := p.column(g, 0), [2]VecPhysical{p.column(g, 1), p.column(g, 2)}, p.column(g, 3)
	p.halves(head, false, p.factor(g))
	p.halves(head, true, p.offset(g))
	if factor != 0 {
		p.times(p.factor(g), factor)
	}
	high, piece := p.spare(2), p.spare(3)
	for i, times := range []VecPhysical{p.factor(g), p.offset(g)} {
		VPSRLD(U8(2), low[i], piece)
		p.and(piece, 0x30303030, piece)
		if i == 1 {
			VPSRLD(U8(4), shared, shared)
		}
		p.and(shared, 0x0f0f0f0f, high)
		p.or(piece, high)
		p.and(low[i], 0x3f3f3f3f, low[i])
		p.spread(g, 8*i, low[i], times)
		p.spread(g, 8*i+4, high, times)
	}
}

// spread keeps the four bytes of each lane, times something, as parts from the
// i-th on.
func (p *row) spread(g, i int, from, times VecPhysical) {
	for b := range 4 {
		v := p.spare(b % 2)
		VPSRLD(U8(8*b), from, v)
		p.and(v, 0xff, v)
		VCVTDQ2PS(v, v)
		p.mul(times, v, v)
		p.move(v, p.part(g, i+b))
	}
}

func (p *row) or(a, to VecPhysical) {
	if p.zmm {
		VPORD(a, to, to)
	} else {
		VPOR(a, to, to)
	}
}

// take makes parts of each group the block's factor and offset.
func (p *row) take(i int) {
	for _, g := range p.together() {
		p.move(p.part(g, i), p.factor(g))
		p.move(p.part(g, 8+i), p.offset(g))
	}
}

// fourBitsSuper multiplies a super-block of Q4_K.
func fourBitsSuper(p *row) {
	for _, g := range p.together() {
		p.scales(g, 0)
	}
	for i := range 8 {
		if i%2 == 0 {
			for _, g := range p.together() {
				p.quad(g, 16+16*i, 0)
				p.quad(g, 32+16*i, 4)
			}
		}
		p.take(i)
		for v := range 32 {
			for _, g := range p.together() {
				w := p.nibble(g, v/4, 8*(v%4)+i%2*4, false)
				VFMSUB213PS(p.offset(g), p.factor(g), w)
				p.fmaX(g, 32*i+v, w)
			}
		}
	}
}

// fiveBitsSuper multiplies a super-block of Q5_K: bit i of 32 bytes is the fifth
// of the values of block i.
func fiveBitsSuper(p *row) {
	for _, g := range p.together() {
		p.scales(g, toTop)
	}
	for i := range 8 {
		p.take(i)
		for h := range 2 {
			for _, g := range p.together() {
				p.quad(g, 48+32*(i/2)+16*h, 0)
				p.quad(g, 16+16*h, 4)
				p.join(g, i%2*4, i-4, 0x10101010)
			}
			for v := range 16 {
				for _, g := range p.together() {
					w := p.signed(g, v/4, v%4)
					VFMSUB213PS(p.offset(g), p.factor(g), w)
					p.fmaX(g, 32*i+16*h+v, w)
				}
			}
		}
	}
}

// join makes codes, in each byte of the first four columns, of four bits from
// low on there, and of what mask keeps of the next four columns, shifted down by
// high, or up.
func (p *row) join(g, low, high int, mask uint32) {
	for c := range 4 {
		to, more := p.column(g, c), p.column(g, 4+c)
		if low > 0 {
			VPSRLD(U8(low), to, to)
		}
		if high < 0 {
			VPSLLD(U8(-high), more, more)
		} else if high > 0 {
			VPSRLD(U8(high), more, more)
		}
		p.and(to, 0x0f0f0f0f, to)
		p.and(more, mask, more)
		p.or(more, to)
	}
}

// sixBitsSuper multiplies a super-block of Q6_K: two halves of four parts of 32
// values, with a scale for 16.
func sixBitsSuper(p *row) {
	for _, g := range p.together() {
		p.halves(p.single(g, 206, 0), true, p.factor(g))
		p.times(p.factor(g), toTop)
		p.quad(g, 192, 0)
		for c := range 4 {
			p.spreadSigned(g, 4*c, p.column(g, c))
		}
	}
	for i := range 16 { // 16 values with one scale
		half, part, h := i/8, i%8/2, i%2
		for _, g := range p.together() {
			p.quad(g, 64*half+32*(part%2)+16*h, 0)
			p.quad(g, 128+32*half+16*h, 4)
			p.join(g, part/2*4, 2*part-4, 0x30303030)
			for c := range 4 {
				p.less32(p.column(g, c))
			}
			p.move(p.part(g, i), p.factor(g))
		}
		p.bytes16(16*i, 0)
	}
}

// less32 takes 32 off each byte.
func (p *row) less32(v VecPhysical) {
	if p.zmm {
		VPSUBB(p.fixed(), v, v)
	} else {
		VPSUBB(constantAt(0x20202020), v, v)
	}
}

// spreadSigned keeps the four signed bytes of each lane, times the factor, as
// parts from the i-th on.
func (p *row) spreadSigned(g, i int, from VecPhysical) {
	for b := range 4 {
		v := p.spare(b % 2)
		VPSLLD(U8(24-8*b), from, v)
		VPSRAD(U8(24), v, v)
		VCVTDQ2PS(v, v)
		p.mul(p.factor(g), v, v)
		p.move(v, p.part(g, i+b))
	}
}

// setSix keeps what Q6_K takes off.
func (p *row) setSix() {
	p.setBytes()
	if p.zmm {
		p.constant(0x20202020, p.fixed())
	}
}
