package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// fourBits decodes Q4_0 and, with a minimum, Q4_1: the low halves of 16 bytes
// are the first 16 values, the high ones the rest.
func (s isa) fourBits(name string, bytes int, minimum bool) {
	var mask, eight reg.VecVirtual
	s.each(name, bytes, 32, func() {
		mask = s.splat(15)
		if !minimum {
			eight = s.splat(8)
		}
	}, func(dst, src reg.GPVirtual) {
		d := s.half(at(src, 0))
		var m reg.VecVirtual
		if minimum {
			m = s.half(at(src, 2))
		}
		for j := 0; j < 16; j += s.lanes {
			x := s.bytes(at(src, bytes-16+j))
			for part, q := range []reg.VecVirtual{s.and(x, mask), s.right(x, 4)} {
				if !minimum {
					VPSUBD(eight, q, q)
				}
				VCVTDQ2PS(q, q)
				VMULPS(d, q, q)
				if minimum {
					VADDPS(m, q, q)
				}
				VMOVUPS(q, at(dst, 4*(16*part+j)))
			}
		}
	})
}

// eightBits decodes Q8_0.
func (s isa) eightBits() {
	s.each("q80", 34, 32, func() {}, func(dst, src reg.GPVirtual) {
		d := s.half(at(src, 0))
		for j := 0; j < 32; j += s.lanes {
			q := s.vec()
			VPMOVSXBD(at(src, 2+j), q)
			VCVTDQ2PS(q, q)
			VMULPS(d, q, q)
			VMOVUPS(q, at(dst, 4*j))
		}
	})
}
