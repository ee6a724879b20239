package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rows is a loop over some rows of a matrix at once: products with a vector x,
// or their sum with weights c added to y, or both from one reading.
type rows struct {
	count    int
	dot, add bool
}

func (r rows) name() string {
	switch {
	case !r.add:
		return fmt.Sprint("dot", r.count)
	case !r.dot:
		return fmt.Sprint("add", r.count)
	}
	return fmt.Sprint("symv", r.count)
}

func (r rows) doc() string {
	switch {
	case !r.add:
		return fmt.Sprintf("sets out[r] to row r times x, for %d rows of a.", r.count)
	case !r.dot:
		return fmt.Sprintf("adds c[r] times row r to y, for %d rows of a.", r.count)
	}
	return fmt.Sprintf("adds c[r] times row r to y and sets out[r] to row r times x, for %d rows of a.", r.count)
}

// loop is what the body of a rows loop needs.
type loop struct {
	rows
	v       vector
	at      []Mem
	x, y    Mem
	c       []VecVirtual
	sums    []VecVirtual // count for each of the strands
	strands int
}

func (r rows) emit(v vector) {
	name := r.name() + v.level()
	TEXT(name, attr.NOSPLIT, "func(y, a *float64, lda, n int, x, c, out *float64)")
	Doc(name + " " + r.doc())
	Pragma("noescape")
	l := r.begin(v)
	n := Load(Param("n"), GP64()).(GPVirtual)
	i := GP64()
	XORQ(i, i)
	l.run(n, i)
	if r.dot {
		l.finish()
	}
	VZEROUPPER()
	RET()
}

// begin loads the pointers and the weights and clears the sums.
func (r rows) begin(v vector) *loop {
	l := &loop{rows: r, v: v, strands: max(1, 8/r.count)}
	if r.dot && r.add {
		l.strands = 1
	}
	a := Load(Param("a"), GP64()).(GPVirtual)
	l.at = append(l.at, Mem{Base: a})
	if r.count > 1 {
		lda := Load(Param("lda"), GP64()).(GPVirtual)
		SHLQ(Imm(3), lda)
		for range r.count - 1 {
			next := GP64()
			LEAQ(Mem{Base: l.at[len(l.at)-1].Base, Index: lda, Scale: 1}, next)
			l.at = append(l.at, Mem{Base: next})
		}
	}
	if r.dot {
		l.x = Mem{Base: Load(Param("x"), GP64())}
		for range r.count * l.strands {
			s := v.reg()
			v.zero(s)
			l.sums = append(l.sums, s)
		}
	}
	if r.add {
		l.y = Mem{Base: Load(Param("y"), GP64())}
		c := Mem{Base: Load(Param("c"), GP64())}
		for k := range r.count {
			w := v.reg()
			VBROADCASTSD(c.Offset(8*k), w)
			l.c = append(l.c, w)
		}
	}
	return l
}

// run goes over n elements: blocks of all strands, single vectors, a tail.
func (l *loop) run(n, i GPVirtual) {
	unroll := max(l.strands, 2)
	if l.add {
		unroll = 2
	}
	lanes := l.v.lanes()
	end := GP64()
	for _, count := range []int{unroll, 1} {
		label := map[bool]string{true: "block", false: "single"}[count == unroll]
		LEAQ(Mem{Base: i, Disp: count * lanes}, end)
		CMPQ(end, n)
		JGT(LabelRef(label + "Done"))
		Label(label)
		for k := range count {
			l.body(i, k, nil)
		}
		ADDQ(Imm(uint64(count*lanes)), i)
		ADDQ(Imm(uint64(count*lanes)), end)
		CMPQ(end, n)
		JLE(LabelRef(label))
		Label(label + "Done")
	}
	SUBQ(i, n)
	JZ(LabelRef("tailDone"))
	t := l.v.newTail(n)
	l.body(i, 0, &t)
	Label("tailDone")
}

// body takes the k-th vector after i.
func (l *loop) body(i GPVirtual, k int, t *tail) {
	at := func(m Mem) Mem { return m.Offset(k*l.v.bytes()).Idx(i, 8) }
	load := func(m Mem) VecVirtual {
		r := l.v.reg()
		if t != nil {
			t.load(at(m), r)
		} else {
			VMOVUPD(at(m), r)
		}
		return r
	}
	var x, y VecVirtual
	if l.dot {
		x = load(l.x)
	}
	if l.add {
		y = load(l.y)
	}
	for r := range l.count {
		row := load(l.at[r])
		if l.dot {
			VFMADD231PD(row, x, l.sums[r*l.strands+k%l.strands])
		}
		if l.add {
			VFMADD231PD(row, l.c[r], y)
		}
	}
	if l.add && t != nil {
		t.store(y, at(l.y))
	} else if l.add {
		VMOVUPD(y, at(l.y))
	}
}

// finish adds the strands and the lanes and stores the products.
func (l *loop) finish() {
	out := Mem{Base: Load(Param("out"), GP64())}
	for r := range l.count {
		s := l.sums[r*l.strands : (r+1)*l.strands]
		for step := 1; step < l.strands; step *= 2 {
			for k := 0; k < l.strands; k += 2 * step {
				VADDPD(s[k+step], s[k], s[k])
			}
		}
		l.v.sum(s[0], out.Offset(8*r))
	}
}
