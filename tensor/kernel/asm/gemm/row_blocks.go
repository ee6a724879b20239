package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Values are decoded to the bits that package blocks has. Where a scale times a
// code is exact, as it is for all codes of four and five bits, multiplying and
// adding at once rounds as doing one after the other.

// setBytes keeps the shuffles of bytes; AVX2 has them in memory.
func (p *row) setBytes() {
	if p.zmm {
		for b := range 4 {
			VMOVDQU64(tops.Offset(64*b), p.shuffle(b))
		}
	}
}

func (p *row) shuffle(b int) Op {
	if p.zmm {
		return zs[20+b]
	}
	return tops.Offset(64 * b)
}

// setNibbles keeps the numbers that four bits mean: from first on. AVX2 looks
// nothing up.
func (p *row) setNibbles(first int) {
	if p.zmm {
		VMOVUPS(tables[first], p.fixed())
	}
}

// signed is byte b of each doubleword of a column, times 2^24.
func (p *row) signed(g, c, b int) VecPhysical {
	v := p.spare(2*g + b%2)
	VPSHUFB(p.shuffle(b), p.column(g, c), v)
	VCVTDQ2PS(v, v)
	return v
}

// nibble is the four bits from shift on of each doubleword of a column; minus
// says that eight is taken off.
func (p *row) nibble(g, c, shift int, minus bool) VecPhysical {
	v, from := p.spare(2*g+c%2), p.column(g, c)
	if shift > 0 {
		VPSRLD(U8(shift), from, v)
		from = v
	}
	if p.zmm {
		VPERMPS(p.fixed(), from, v)
		return v
	}
	p.and(from, 15, v)
	if minus {
		VPSUBD(constantAt(8), v, v)
	}
	VCVTDQ2PS(v, v)
	return v
}

// eightBits multiplies a block of Q8_0.
func eightBits(p *row) {
	for _, g := range p.together() {
		p.halves(p.single(g, 0, 0), false, p.factor(g))
		p.times(p.factor(g), toTop)
	}
	for h := range 2 {
		for _, g := range p.together() {
			p.quad(g, 2+16*h, 0)
		}
		p.bytes16(16*h, 0)
	}
}

// bytes16 multiplies the bytes of four columns from the c-th on, times the
// factor, with 16 elements of x from the i-th on.
func (p *row) bytes16(i, c int) {
	for v := range 16 {
		for _, g := range p.together() {
			w := p.signed(g, c+v/4, v%4)
			VMULPS(p.factor(g), w, w)
			p.fmaX(g, i+v, w)
		}
	}
}

// fourBits multiplies a block of Q4_0 or, with a minimum, of Q4_1: the lower
// halves of 16 bytes are the first 16 values, the upper ones the rest.
func fourBits(minimum bool) func(p *row) {
	return func(p *row) {
		for _, g := range p.together() {
			head := p.single(g, 0, 0)
			p.halves(head, false, p.factor(g))
			if minimum {
				p.halves(head, true, p.offset(g))
			}
		}
		for _, g := range p.together() {
			p.quad(g, p.of.bytes-16, 0)
		}
		for v := range 32 {
			for _, g := range p.together() {
				w := p.nibble(g, v%16/4, 8*(v%4)+v/16*4, !minimum)
				if minimum {
					VFMADD213PS(p.offset(g), p.factor(g), w)
				} else {
					VMULPS(p.factor(g), w, w)
				}
				p.fmaX(g, v, w)
			}
		}
	}
}
