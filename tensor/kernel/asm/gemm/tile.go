package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// tile is a micro-kernel: rows x cols*lanes elements of C held in registers,
// while k goes by. A is packed with stride rows, B with stride cols*lanes.
type tile struct {
	elem
	rows, cols int
	stride     int // vectors from one row of the packed B to the next
	// gram adds to a C of doubles, without alpha and beta.
	gram bool
}

var tiles = []tile{
	{elem{false, true}, 14, 2, 2, true},
	{elem{false, false}, 6, 2, 2, true},
}

func init() {
	for _, double := range []bool{false, true} {
		for _, rows := range []int{14, 12, 8, 4, 2, 1} {
			tiles = append(tiles, tile{elem{double, true}, rows, 2, 2, false})
		}
		for _, rows := range []int{6, 4, 2, 1} {
			tiles = append(tiles, tile{elem{double, false}, rows, 2, 2, false})
		}
	}
}

const unroll = 4

func (t tile) acc(i, j int) VecPhysical { return t.vec(i*t.cols + j) }
func (t tile) b(j int) VecPhysical      { return t.vec(t.rows*t.cols + j) }
func (t tile) bcast(i int) VecPhysical  { return t.vec(t.rows*t.cols + t.cols + i&1) }

func (t tile) emit() {
	name := t.declare()
	Pragma("noescape")
	k, a, b, c, ldc := RAX, RBX, RCX, RDX, RSI
	Load(Param("kc"), k)
	Load(Param("a"), a)
	Load(Param("b"), b)
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	SHLQ(U8(shiftOf(t.outSize())), ldc)
	t.prefetch(c, ldc)
	if t.gram {
		t.emitGram(name, k, a, b, c, ldc)
		return
	}
	Load(Param("cols"), R8)
	CMPQ(R8, U8(t.lanes()))
	JLE(LabelRef(name + "_narrow"))
	t.body(name, k, a, b, c, ldc)
	Label(name + "_narrow")
	t.cols = 1
	t.body(name+"_narrow", k, a, b, c, ldc)
}

// body computes and stores the first cols vectors of each row.
func (t tile) body(name string, k, a, b, c, ldc GPPhysical) {
	t.loop(name, k, a, b)
	t.store(name, c, ldc)
	VZEROUPPER()
	RET()
}

// declare starts the function and returns its name.
func (t tile) declare() string {
	g := t.goType()
	if t.gram {
		name := t.name() + "Gram" + t.level()
		TEXT(name, 0, fmt.Sprintf("func(kc int, a, b *%s, c *float64, ldc, rows, cols int)", g))
		Doc(fmt.Sprintf("%s computes C += A*B for a tile of at most %d x %d, C in double, over at most two blocks of %d steps.", name, t.rows, t.cols*t.lanes(), gramBlock))
		return name
	}
	name := fmt.Sprintf("%sTile%d%s", t.name(), t.rows, t.level())
	TEXT(name, NOSPLIT, fmt.Sprintf("func(kc int, a, b, c *%s, ldc int, alpha, beta %s, rows, cols int)", g, g))
	Doc(fmt.Sprintf("%s computes C = alpha*A*B + beta*C for a tile of at most %d x %d.", name, t.rows, t.cols*t.lanes()))
	return name
}

// outSize is the size of an element of C.
func (t tile) outSize() int {
	if t.gram {
		return 8
	}
	return t.size()
}

// prefetch asks for the lines of C, which are needed kc steps later.
func (t tile) prefetch(c, ldc Register) {
	MOVQ(c, RDI)
	for range t.rows {
		for at := 0; at < t.cols*t.lanes()*t.outSize(); at += 64 {
			PREFETCHT0(Mem{Base: RDI, Disp: at})
		}
		ADDQ(ldc, RDI)
	}
}

func (t tile) loop(name string, k, a, b GPPhysical) {
	for i := range t.rows * t.cols {
		t.zero(t.vec(i))
	}
	MOVQ(k, RDI)
	SHRQ(U8(2), RDI)
	JZ(LabelRef(name + "_rest"))
	Label(name + "_four")
	for u := range unroll {
		t.step(u, a, b)
	}
	t.advance(unroll, a, b)
	DECQ(RDI)
	JNZ(LabelRef(name + "_four"))
	Label(name + "_rest")
	ANDQ(U8(3), k)
	JZ(LabelRef(name + "_store"))
	Label(name + "_one")
	t.step(0, a, b)
	t.advance(1, a, b)
	DECQ(k)
	JNZ(LabelRef(name + "_one"))
	Label(name + "_store")
}

// step adds the outer product of one column of A and one row of B.
func (t tile) step(u int, a, b Register) {
	for j := range t.cols {
		t.move(Mem{Base: b, Disp: (u*t.stride + j) * t.bytes()}, t.b(j))
	}
	for i := range t.rows {
		t.broadcast(Mem{Base: a, Disp: (u*t.rows + i) * t.size()}, t.bcast(i))
		for j := range t.cols {
			t.fma(t.bcast(i), t.b(j), t.acc(i, j))
		}
	}
}

func (t tile) advance(steps int, a, b Register) {
	ADDQ(I32(steps*t.rows*t.size()), a)
	ADDQ(I32(steps*t.stride*t.bytes()), b)
}

// store writes the tile's first rows. AVX-512 writes the first cols of each
// under masks; AVX2 always writes whole rows.
func (t tile) store(name string, c, ldc GPPhysical) {
	alpha, beta := t.b(0), t.bcast(1)
	pa, err := Param("alpha").Resolve()
	check(err)
	pb, err := Param("beta").Resolve()
	check(err)
	t.broadcast(pa.Addr, alpha)
	t.broadcast(pb.Addr, beta)
	Load(Param("rows"), RDI)
	if t.zmm {
		t.masks(t.cols, t.lanes())
	}
	t.isZero(pb.Addr)
	JZ(LabelRef(name + "_set"))
	for i := range t.rows {
		t.storeRow(name, i, c, ldc, func(j int, at Op) {
			t.mul(alpha, t.acc(i, j), t.acc(i, j))
			if t.zmm {
				t.moveZ(at, ks[j], t.bcast(0))
				t.fma(t.bcast(0), beta, t.acc(i, j))
			} else {
				t.fma(at, beta, t.acc(i, j))
			}
		})
	}
	JMP(LabelRef(name + "_done"))
	Label(name + "_set")
	for i := range t.rows {
		t.storeRow(name, i, c, ldc, func(j int, at Op) {
			t.mul(alpha, t.acc(i, j), t.acc(i, j))
		})
	}
	Label(name + "_done")
}

func (t tile) storeRow(name string, i int, c, ldc GPPhysical, finish func(j int, at Op)) {
	for j := range t.cols {
		at := Mem{Base: c, Disp: j * t.bytes()}
		finish(j, at)
		if t.zmm {
			t.move(t.acc(i, j), ks[j], at)
		} else {
			t.move(t.acc(i, j), at)
		}
	}
	if i == t.rows-1 {
		return
	}
	DECQ(RDI)
	JZ(LabelRef(name + "_done"))
	ADDQ(ldc, c)
}

// isZero sets the zero flag when the number is +0 or -0.
func (t tile) isZero(at Mem) {
	if t.double {
		MOVQ(at, R8)
		SHLQ(U8(1), R8)
	} else {
		MOVL(at, R8L)
		SHLL(U8(1), R8L)
	}
}

// masks turns cols into n masks of so many lanes each.
func (t tile) masks(n, lanes int) {
	Load(Param("cols"), RCX)
	MOVQ(I32(-1), RAX)
	SHLQ(CL, RAX)
	NOTQ(RAX)
	for j := range n {
		if j > 0 {
			SHRQ(U8(lanes), RAX)
		}
		KMOVW(EAX, ks[j])
	}
}

var ks = []Register{K1, K2, K3, K4}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
