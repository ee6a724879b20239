// Command solve writes the loop of triangular solves of tensor/linalg.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is how many right sides the loop solves for.
const lanes = 32

func main() {
	forward("AVX512", 64, []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3}, reg.Z8)
	forward("AVX2", 32, []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7}, reg.Y8)
	Generate()
}

// forward emits forward substitution with the sums of one row in acc, which
// together hold lanes elements.
func forward(level string, bytes int, acc []reg.VecPhysical, factor reg.VecPhysical) {
	TEXT("forward"+level, NOSPLIT, "func(n int, l, x *float64)")
	Pragma("noescape")
	Doc("forward" + level + " solves L X = B in place for 32 right sides.")
	n, row, x := GP64(), GP64(), GP64()
	Load(Param("n"), n)
	Load(Param("l"), row)
	Load(Param("x"), x)
	out, from, j, i := GP64(), GP64(), GP64(), GP64()
	MOVQ(x, out)
	XORQ(i, i)
	Label("rows")
	for k, a := range acc {
		VMOVUPD(Mem{Base: out, Disp: k * bytes}, a)
	}
	MOVQ(x, from)
	XORQ(j, j)
	JMP(LabelRef("test"))
	Label("terms")
	VBROADCASTSD(Mem{Base: row, Index: j, Scale: 8}, factor)
	for k, a := range acc {
		VFNMADD231PD(Mem{Base: from, Disp: k * bytes}, factor, a)
	}
	ADDQ(U32(8*lanes), from)
	INCQ(j)
	Label("test")
	CMPQ(j, i)
	JLT(LabelRef("terms"))
	VBROADCASTSD(Mem{Base: row, Index: j, Scale: 8}, factor)
	for k, a := range acc {
		VDIVPD(factor, a, a)
		VMOVUPD(a, Mem{Base: out, Disp: k * bytes})
	}
	ADDQ(U32(8*lanes), out)
	LEAQ(Mem{Base: row, Index: n, Scale: 8}, row)
	INCQ(i)
	CMPQ(i, n)
	JLT(LabelRef("rows"))
	VZEROUPPER()
	RET()
}
