package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The vectors of a row loop: columns of each group, then eight that are free
// (four for AVX2), the sums, and the numbers of a block.

// column c of a group holds so many bytes of each of its rows.
func (p *row) column(g, c int) VecPhysical { return p.vec(8*g + c) }

// spare is one of four registers that loads spoil.
func (p *row) spare(i int) VecPhysical { return p.vec(p.firstSpare() + i) }

func (p *row) firstSpare() int {
	if p.zmm {
		return 16
	}
	return 8
}

// fixed is for a format's constant. With AVX2 it is the offset's.
func (p *row) fixed() VecPhysical {
	if p.zmm {
		return zs[30]
	}
	return ys[14]
}

// factor and offset are a block's scale and minimum.
func (p *row) factor(g int) VecPhysical {
	if p.zmm {
		return zs[26+g]
	}
	return ys[13]
}

func (p *row) offset(g int) VecPhysical {
	if p.zmm {
		return zs[28+g]
	}
	return ys[14]
}

// quad fills four columns, from the c-th on, with the doublewords of 16 bytes of
// each of the group's rows.
func (p *row) quad(g, disp, c int) {
	p.hop(g)
	for i := range 4 {
		v := p.column(g, c+i)
		VMOVDQU(p.place(i, disp), v.AsX())
		for lane := 1; lane < p.lanes()/4; lane++ {
			p.insert(lane, p.place(4*lane+i, disp), v)
		}
	}
	p.square().quads(8*g+c, p.firstSpare())
}

func (p *row) square() transpose { return transpose{elem: p.elem} }

// insert sets a lane of 128 bits.
func (p *row) insert(lane int, from, to Op) {
	if p.zmm {
		VINSERTI32X4(U8(lane), from, to, to)
	} else {
		VINSERTI128(U8(lane), from, to, to)
	}
}

// place is where something of a row of the group lies.
func (p *row) place(i, disp int) Mem { return rowAt(bases, i, rowLd, rowLd3).Offset(disp) }

// single fills column c with one doubleword of each row; it spoils the three
// columns behind.
func (p *row) single(g, disp, c int) VecPhysical {
	p.hop(g)
	for lane := range p.lanes() / 4 {
		v := p.column(g, c+lane)
		VMOVD(p.place(4*lane, disp), v.AsX())
		for i := 1; i < 4; i++ {
			VPINSRD(U8(i), p.place(4*lane+i, disp), v.AsX(), v.AsX())
		}
		if lane > 0 {
			p.insert(lane, v.AsX(), p.column(g, c))
		}
	}
	return p.column(g, c)
}

// halves widens the float16 in the lower or the upper half of each lane.
func (p *row) halves(from VecPhysical, upper bool, to VecPhysical) {
	if upper {
		VPSRLD(U8(16), from, to)
		from = to
	}
	if p.zmm {
		VPMOVDW(from, to.AsY())
		VCVTPH2PS(to.AsY(), to)
		return
	}
	p.and(from, 0xffff, to)
	VPACKUSDW(to, to, to)
	VPERMQ(U8(8), to, to)
	VCVTPH2PS(to.AsX(), to)
}

// fmaX adds w times element i of x, of the block, to the group's sums.
func (p *row) fmaX(g, i int, w VecPhysical) {
	x := Mem{Base: rowX, Disp: 4 * i}
	if p.zmm {
		VFMADD231PS_BCST(x, w, p.sum(g))
	} else {
		VBROADCASTSS(x, ys[15])
		VFMADD231PS(ys[15], w, p.sum(g))
	}
	p.tick(fmaOps)
}

// and keeps the bits of a constant.
func (p *row) and(a VecPhysical, bits uint32, to VecPhysical) {
	if p.zmm {
		VPANDD_BCST(constantAt(bits), a, to)
	} else {
		VPAND(constantAt(bits), a, to)
	}
}

// constant fills a register with a number.
func (p *row) constant(bits uint32, to VecPhysical) { p.broadcast(constantAt(bits), to) }

// times multiplies with a constant.
func (p *row) times(v VecPhysical, bits uint32) {
	if p.zmm {
		VMULPS_BCST(constantAt(bits), v, v)
	} else {
		VMULPS(constantAt(bits), v, v)
	}
}
