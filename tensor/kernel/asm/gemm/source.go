package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// source is the format of the elements in memory; a 16-bit one is widened to
// float32 as it is loaded.
type source struct{ name string }

var (
	plain = source{""}
	bf16  = source{"BF16"}
	f16   = source{"F16"}
)

func (s source) goType(e elem) string {
	if s == plain {
		return e.goType()
	}
	return "byte"
}

func (s source) size(e elem) int {
	if s == plain {
		return e.size()
	}
	return 2
}

// load fills vector register i.
func (s source) load(e elem, m Mem, i int) {
	switch s {
	case plain:
		e.move(m, e.vec(i))
	case bf16:
		VPMOVZXWD(m, e.vec(i))
		VPSLLD(U8(16), e.vec(i), e.vec(i))
	case f16:
		VCVTPH2PS(m, e.vec(i))
	}
}

// masked fills register i of AVX-512 under a mask and clears the other lanes.
func (s source) masked(e elem, m Mem, k Register, i int) {
	switch s {
	case plain:
		e.moveZ(m, k, zs[i])
	case bf16:
		VPMOVZXWD_Z(m, k, zs[i])
		VPSLLD(U8(16), zs[i], zs[i])
	case f16:
		VCVTPH2PS_Z(m, k, zs[i])
	}
}
