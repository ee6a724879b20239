package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// quads transposes four rows within each 128-bit lane, from register r on; t
// is the first of four spare registers.
func (p transpose) quads(r, t int) {
	v := p.vec
	VUNPCKLPS(v(r+1), v(r), v(t))
	VUNPCKHPS(v(r+1), v(r), v(t+1))
	VUNPCKLPS(v(r+3), v(r+2), v(t+2))
	VUNPCKHPS(v(r+3), v(r+2), v(t+3))
	VUNPCKLPD(v(t+2), v(t), v(r))
	VUNPCKHPD(v(t+2), v(t), v(r+1))
	VUNPCKLPD(v(t+3), v(t+1), v(r+2))
	VUNPCKHPD(v(t+3), v(t+1), v(r+3))
}

// pairs transposes two rows within each 128-bit lane.
func (p transpose) pairs(r0, r1, t0, t1 int) {
	VUNPCKLPD(p.vec(r1), p.vec(r0), p.vec(t0))
	VUNPCKHPD(p.vec(r1), p.vec(r0), p.vec(t1))
}

// lanes4 transposes the 4 x 4 lanes of four vectors into others; t is the
// first of four spare registers.
func lanes4(q, to [4]VecPhysical, t int) {
	VSHUFF32X4(U8(0x44), q[1], q[0], zs[t])
	VSHUFF32X4(U8(0x44), q[3], q[2], zs[t+1])
	VSHUFF32X4(U8(0xEE), q[1], q[0], zs[t+2])
	VSHUFF32X4(U8(0xEE), q[3], q[2], zs[t+3])
	VSHUFF32X4(U8(0x88), zs[t+1], zs[t], to[0])
	VSHUFF32X4(U8(0xDD), zs[t+1], zs[t], to[1])
	VSHUFF32X4(U8(0x88), zs[t+3], zs[t+2], to[2])
	VSHUFF32X4(U8(0xDD), zs[t+3], zs[t+2], to[3])
}

// shuffle16x16 transposes the first sixteen registers by way of the next eight.
// Between is called after each eighth of it.
func (p transpose) shuffle16x16(between func()) {
	for g := range 4 {
		p.quads(g*4, 16)
		between()
	}
	for c := range 4 {
		q := [4]VecPhysical{zs[c], zs[4+c], zs[8+c], zs[12+c]}
		lanes4(q, q, 20)
		between()
	}
}

func (p transpose) shuffle8x8Doubles() {
	for g := range 4 {
		p.pairs(g*2, g*2+1, 8+g, 12+g)
	}
	for c := range 2 {
		q := [4]VecPhysical{zs[8+c*4], zs[9+c*4], zs[10+c*4], zs[11+c*4]}
		lanes4(q, [4]VecPhysical{zs[c], zs[c+2], zs[c+4], zs[c+6]}, 16+4*c)
	}
}

func (p transpose) shuffle8x8() {
	p.quads(0, 8)
	p.quads(4, 12)
	for c := range 4 {
		VPERM2F128(U8(0x31), ys[4+c], ys[c], ys[8+c])
		VPERM2F128(U8(0x20), ys[4+c], ys[c], ys[c])
	}
	for c := range 4 {
		VMOVAPS(ys[8+c], ys[4+c])
	}
}

func (p transpose) shuffle4x4Doubles() {
	p.pairs(0, 1, 4, 5)
	p.pairs(2, 3, 6, 7)
	for c := range 2 {
		VPERM2F128(U8(0x20), ys[6+c], ys[4+c], ys[c])
		VPERM2F128(U8(0x31), ys[6+c], ys[4+c], ys[2+c])
	}
}
