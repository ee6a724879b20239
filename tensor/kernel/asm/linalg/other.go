package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func emitRotate(v vector) {
	name := "rotate" + v.level()
	TEXT(name, attr.NOSPLIT, "func(x, y *float64, n int, c, s float64)")
	Doc(name + " replaces x by c*x + s*y and y by c*y - s*x.")
	Pragma("noescape")
	x, y := Mem{Base: Load(Param("x"), GP64())}, Mem{Base: Load(Param("y"), GP64())}
	n := Load(Param("n"), GP64()).(GPVirtual)
	c, s := v.reg(), v.reg()
	VBROADCASTSD(Load(Param("c"), XMM()), c)
	VBROADCASTSD(Load(Param("s"), XMM()), s)
	i, end := GP64(), GP64()
	XORQ(i, i)
	LEAQ(Mem{Base: i, Disp: v.lanes()}, end)
	body := func(t *tail) {
		xv, yv, xn, yn := v.reg(), v.reg(), v.reg(), v.reg()
		mx, my := x.Idx(i, 8), y.Idx(i, 8)
		load(t, mx, xv)
		load(t, my, yv)
		VMULPD(s, yv, xn)
		VFMADD231PD(c, xv, xn)
		VMULPD(s, xv, yn)
		VFMSUB231PD(c, yv, yn)
		store(t, xn, mx)
		store(t, yn, my)
	}
	CMPQ(end, n)
	JGT(LabelRef("done"))
	Label("vectors")
	body(nil)
	ADDQ(Imm(uint64(v.lanes())), i)
	ADDQ(Imm(uint64(v.lanes())), end)
	CMPQ(end, n)
	JLE(LabelRef("vectors"))
	Label("done")
	SUBQ(i, n)
	JZ(LabelRef("tailDone"))
	t := v.newTail(n)
	body(&t)
	Label("tailDone")
	VZEROUPPER()
	RET()
}

// load and store move a whole vector, or what a tail has of it.
func load(t *tail, m Mem, r VecVirtual) {
	if t != nil {
		t.load(m, r)
	} else {
		VMOVUPD(m, r)
	}
}

func store(t *tail, r VecVirtual, m Mem) {
	if t != nil {
		t.store(r, m)
	} else {
		VMOVUPD(r, m)
	}
}

// blocks runs body for each of count vectors at i, as long as so many are left
// of n elements.
func (v vector) blocks(label string, count int, i, end, n GPVirtual, body func(k int, t *tail)) {
	LEAQ(Mem{Base: i, Disp: count * v.lanes()}, end)
	CMPQ(end, n)
	JGT(LabelRef(label + "Done"))
	Label(label)
	for k := range count {
		body(k, nil)
	}
	ADDQ(Imm(uint64(count*v.lanes())), i)
	ADDQ(Imm(uint64(count*v.lanes())), end)
	CMPQ(end, n)
	JLE(LabelRef(label))
	Label(label + "Done")
}

func emitSecular(v vector) {
	name := "secularSums" + v.level()
	TEXT(name, attr.NOSPLIT, "func(gap, w *float64, n int, mu float64, out *float64)")
	Doc(name + " sets out to the sums of w/(gap-mu) and of w/(gap-mu)^2.")
	Pragma("noescape")
	gap, w := Mem{Base: Load(Param("gap"), GP64())}, Mem{Base: Load(Param("w"), GP64())}
	n := Load(Param("n"), GP64()).(GPVirtual)
	mu, one, bits := v.reg(), v.reg(), GP64()
	VBROADCASTSD(Load(Param("mu"), XMM()), mu)
	MOVQ(U64(0x3ff0000000000000), bits)
	first := XMM()
	VMOVQ(bits, first)
	VBROADCASTSD(first, one)
	i, end := GP64(), GP64()
	XORQ(i, i)
	const strands = 2
	sums, slopes := [strands]VecVirtual{}, [strands]VecVirtual{}
	for k := range strands {
		sum, slope := v.reg(), v.reg()
		v.zero(sum)
		v.zero(slope)
		sums[k], slopes[k] = sum, slope
	}
	body := func(k int, t *tail) {
		d, term := v.reg(), v.reg()
		mg, mw := gap.Offset(k*v.bytes()).Idx(i, 8), w.Offset(k*v.bytes()).Idx(i, 8)
		load(t, mg, d)
		load(t, mw, term)
		VSUBPD(mu, d, d)
		if t != nil {
			t.over(d, one)
		}
		VDIVPD(d, one, d)
		VMULPD(d, term, term)
		VADDPD(term, sums[k], sums[k])
		VFMADD231PD(d, term, slopes[k])
	}
	v.blocks("block", strands, i, end, n, body)
	v.blocks("single", 1, i, end, n, body)
	SUBQ(i, n)
	JZ(LabelRef("tailDone"))
	t := v.newTail(n)
	body(0, &t)
	Label("tailDone")
	VADDPD(sums[1], sums[0], sums[0])
	VADDPD(slopes[1], slopes[0], slopes[0])
	out := Mem{Base: Load(Param("out"), GP64())}
	v.sum(sums[0], out)
	v.sum(slopes[0], out.Offset(8))
	VZEROUPPER()
	RET()
}
