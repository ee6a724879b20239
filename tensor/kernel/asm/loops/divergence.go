package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The places of its own constants in the table of coefficients.
const cNear, cExpm1, nExpm1, cLog1p, nLog1p = 47, 48, 4, 52, 8

// divergence adds up a*(b/a - 1 - log(b/a)), a being p times its factor plus
// eps, b the same of q. Where q is near p, b/a - 1 follows from the difference of
// their logarithms, t, by series that lose nothing.
func (s isa) divergence() {
	s.begin("divergence", "func(x, y, p, q *float32, fp, fq, shift, eps float32, n int, c *float32, partial *float64)")
	Doc("divergence needs n to be a multiple of 16; it adds to 16 partial sums, which are zero. t is y-x-shift.")
	d := diverger{s.constants(cNear, 1+nExpm1+nLog1p), ptr("x"), ptr("y"), ptr("p"), ptr("q")}
	n, partial := ptr("n"), ptr("partial")
	var acc []reg.VecVirtual // AVX2 has too few registers
	if s.wide {
		acc = s.partials()
	}
	each("loop", n, sums, func(i reg.GPVirtual) {
		for u := range sums / s.lanes {
			term := d.term(i, u)
			low, high := s.vec(), s.vec()
			if s.wide {
				VCVTPS2PD(term.AsY(), low)
				VEXTRACTF32X8(U8(1), term, high.AsY())
				VCVTPS2PD(high.AsY(), high)
			} else {
				VCVTPS2PD(term.AsX(), low)
				VEXTRACTF128(U8(1), term, high.AsX())
				VCVTPS2PD(high.AsX(), high)
			}
			for k, v := range []reg.VecVirtual{low, high} {
				if s.wide {
					VADDPD(v, acc[k], acc[k])
					continue
				}
				to := at(partial, (2*u+k)*s.bytes())
				VADDPD(to, v, v)
				VMOVUPD(v, to)
			}
		}
	})
	s.spill(acc, partial, 0)
	end()
}

// diverger is what the body of the loop holds.
type diverger struct {
	coefficients
	x, y, p, q reg.GPVirtual
}

func (d diverger) term(i reg.GPVirtual, u int) reg.VecVirtual {
	t, p, a, disp := d.vec(), d.param32("fp"), d.vec(), u*d.bytes()
	VMOVUPS(elem(d.y, i, disp), t)
	VSUBPS(elem(d.x, i, disp), t, t)
	VSUBPS(d.param32("shift"), t, t)
	VMULPS(elem(d.p, i, disp), p, p)
	VADDPS(d.param32("eps"), p, a)
	square, r := d.vec(), d.vec()
	VMULPS(t, t, square)
	e := d.series(t, square, cExpm1, nExpm1)
	VMULPS(square, e, e)
	VADDPS(t, e, e)
	VMULPS(p, e, e)
	VDIVPS(a, e, r)
	VMULPS(r, r, square)
	h := d.series(r, square, cLog1p, nLog1p)
	VMULPS(square, h, h)
	d.far(i, disp, fmt.Sprintf("near%d", u), t, a, h)
	VMULPS(a, h, h)
	return h
}

// far overwrites what is not near, if anything is.
func (d diverger) far(i reg.GPVirtual, disp int, label string, t, a, h reg.VecVirtual) {
	g := GP32()
	far := d.compare(d.abs(t), d.get(cNear), 5)
	if d.wide {
		KMOVW(far, g)
	} else {
		VMOVMSKPS(far, g)
	}
	TESTL(g, g)
	JZ(LabelRef(label))
	ratio, y := d.param32("fq"), d.vec()
	VMULPS(elem(d.q, i, disp), ratio, ratio)
	VADDPS(d.param32("eps"), ratio, ratio)
	VDIVPS(a, ratio, ratio)
	VSUBPS(d.get(cOne), ratio, y)
	VSUBPS(d.log(ratio), y, y)
	VMAXPS(y, d.zero(), y) // of unordered operands the first named stays: NaN
	d.blend(far, y, h)
	Label(label)
}
