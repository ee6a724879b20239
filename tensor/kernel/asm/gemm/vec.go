package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// dot multiplies rows of A with x. Each sum has as many lanes as 128 bytes
// hold, on every level, and the lanes are added by halves.
type dot struct {
	elem
	rows int
}

var dots = []dot{
	{elem{false, true}, 4}, {elem{false, true}, 1}, {elem{true, true}, 4}, {elem{true, true}, 1},
	{elem{false, false}, 2}, {elem{false, false}, 1}, {elem{true, false}, 2}, {elem{true, false}, 1},
}

const lineBytes = 128

func (d dot) parts() int               { return lineBytes / d.bytes() }
func (d dot) acc(i, j int) VecPhysical { return d.vec(i*d.parts() + j) }
func (d dot) x(j int) VecPhysical      { return d.vec(d.rows*d.parts() + j%2) }
func (d dot) spare() VecPhysical       { return d.vec(d.rows*d.parts() + 2) }
func (d dot) mask(int) VecPhysical     { return d.vec(d.rows*d.parts() + 3) }

func (d dot) emit() {
	name := fmt.Sprintf("%sDot%d%s", d.name(), d.rows, d.level())
	g := d.goType()
	TEXT(name, NOSPLIT, fmt.Sprintf("func(out, a *%s, lda int, x *%s, n int)", g, g))
	Doc(fmt.Sprintf("%s sets out to the products of %d rows of A, lda apart, with the n elements of x.", name, d.rows))
	Pragma("noescape")
	rows := []Register{RSI, R8, R9, R10}[:d.rows]
	out, x, n, blocks := RDI, RDX, RCX, R11
	Load(Param("out"), out)
	Load(Param("a"), rows[0])
	Load(Param("x"), x)
	Load(Param("n"), n)
	Load(Param("lda"), RAX)
	SHLQ(U8(shiftOf(d.size())), RAX)
	for i := 1; i < d.rows; i++ {
		LEAQ(Mem{Base: rows[i-1], Index: RAX, Scale: 1}, rows[i])
	}
	for i := range d.rows * d.parts() {
		d.zero(d.vec(i))
	}
	MOVQ(n, blocks)
	SHRQ(U8(7-shiftOf(d.size())), blocks)
	JZ(LabelRef(name + "_rest"))
	Label(name + "_line")
	for j := range d.parts() {
		d.move(Mem{Base: x, Disp: j * d.bytes()}, d.x(j))
		for i, r := range rows {
			d.fma(Mem{Base: r, Disp: j * d.bytes()}, d.x(j), d.acc(i, j))
		}
	}
	for _, r := range append(rows, x) {
		ADDQ(I32(lineBytes), r)
	}
	DECQ(blocks)
	JNZ(LabelRef(name + "_line"))
	Label(name + "_rest")
	ANDQ(U8(lineBytes/d.size()-1), n)
	JZ(LabelRef(name + "_sum"))
	d.rest(x, n, rows)
	Label(name + "_sum")
	for i := range d.rows {
		d.sum(i, Mem{Base: out, Disp: i * d.size()})
	}
	VZEROUPPER()
	RET()
}

// rest adds the last n elements, less than a line; absent lanes add zero.
func (d dot) rest(x Register, n GPPhysical, rows []Register) {
	masks := d.lineMask(n)
	for j := range d.parts() {
		k := masks(j)
		d.maskedLoad(Mem{Base: x, Disp: j * d.bytes()}, k, d.x(j))
		for i, r := range rows {
			d.maskedLoad(Mem{Base: r, Disp: j * d.bytes()}, k, d.spare())
			d.fma(d.spare(), d.x(j), d.acc(i, j))
		}
	}
}

// sum adds the lanes of row i by halves and stores the total.
func (d dot) sum(i int, out Mem) {
	for n := d.parts(); n > 1; n /= 2 {
		for j := range n / 2 {
			d.add(d.acc(i, j+n/2), d.acc(i, j), d.acc(i, j))
		}
	}
	v, s := d.acc(i, 0), d.spare()
	if d.zmm {
		VEXTRACTF64X4(U8(1), v, s.AsY())
		d.add(s.AsY(), v.AsY(), v.AsY())
	}
	lo, hi := v.AsX(), s.AsX()
	VEXTRACTF128(U8(1), v.AsY(), hi)
	d.add(hi, lo, lo)
	VPERMILPD(U8(1), lo, hi)
	d.add(hi, lo, lo)
	if d.double {
		VMOVSD(lo, out)
		return
	}
	VMOVSHDUP(lo, hi)
	VADDSS(hi, lo, lo)
	VMOVSS(lo, out)
}

// axpys adds rows rows of A, each times its number, to y, in the order of the
// rows.
type axpys struct {
	elem
	rows int
}

var axpyLoops = []axpys{
	{elem{false, true}, 8}, {elem{true, true}, 8}, {elem{false, false}, 8}, {elem{true, false}, 8},
	{elem{false, true}, 1}, {elem{true, true}, 1}, {elem{false, false}, 1}, {elem{true, false}, 1},
}

func (p axpys) emit() {
	name := fmt.Sprintf("%sAxpy%d%s", p.name(), p.rows, p.level())
	g := p.goType()
	TEXT(name, NOSPLIT, fmt.Sprintf("func(y, a *%s, lda int, x *%s, n int)", g, g))
	Doc(fmt.Sprintf("%s adds %d rows of A, lda apart, times the elements of x, to the n elements of y.", name, p.rows))
	Pragma("noescape")
	rows := []Register{RSI, R8, R9, R10, R12, R13, RBX, RDX}[:p.rows]
	y, n, lines := RDI, RCX, R11
	Load(Param("x"), RAX)
	for i := range p.rows {
		p.broadcast(Mem{Base: RAX, Disp: i * p.size()}, p.vec(i))
	}
	Load(Param("y"), y)
	Load(Param("a"), rows[0])
	Load(Param("n"), n)
	Load(Param("lda"), RAX)
	SHLQ(U8(shiftOf(p.size())), RAX)
	for i := 1; i < p.rows; i++ {
		LEAQ(Mem{Base: rows[i-1], Index: RAX, Scale: 1}, rows[i])
	}
	MOVQ(n, lines)
	SHRQ(U8(7-shiftOf(p.size())), lines)
	JZ(LabelRef(name + "_rest"))
	Label(name + "_line")
	p.line(rows, y)
	DECQ(lines)
	JNZ(LabelRef(name + "_line"))
	Label(name + "_rest")
	ANDQ(U8(lineBytes/p.size()-1), n)
	JZ(LabelRef(name + "_done"))
	Label(name + "_one")
	p.one(rows, y)
	DECQ(n)
	JNZ(LabelRef(name + "_one"))
	Label(name + "_done")
	VZEROUPPER()
	RET()
}

// line handles as many columns as a cache line holds.
func (p axpys) line(rows []Register, y Register) {
	parts := lineBytes / p.bytes()
	for j := range parts {
		p.move(Mem{Base: y, Disp: j * p.bytes()}, p.vec(p.rows+j))
	}
	for i, r := range rows {
		for j := range parts {
			p.fma(Mem{Base: r, Disp: j * p.bytes()}, p.vec(i), p.vec(p.rows+j))
		}
	}
	for j := range parts {
		p.move(p.vec(p.rows+j), Mem{Base: y, Disp: j * p.bytes()})
	}
	for _, r := range append(rows, y) {
		ADDQ(I32(lineBytes), r)
	}
}

// one handles a single column.
func (p axpys) one(rows []Register, y Register) {
	v := p.vec(p.rows).AsX()
	p.moveOne(Mem{Base: y}, v)
	for i, r := range rows {
		p.fmaOne(Mem{Base: r}, p.vec(i).AsX(), v)
		ADDQ(I32(p.size()), r)
	}
	p.moveOne(v, Mem{Base: y})
	ADDQ(I32(p.size()), y)
}
