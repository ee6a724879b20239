package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shared is how many elements of a row share a draw.
const shared = 16

// others compares every element of a row with another of it, which is so many
// elements further as a draw says; the row goes on behind its end as it begins,
// so that the others of neighbours are neighbours too.
func (s isa) others() {
	s.begin("aboveOthers", "func(above *uint64, at int, row *float32, draws *uint32, from, to, cols int)")
	Doc("aboveOthers looks at elements from to to, both multiples of 16 as at is; 16 more than cols can be read.")
	above, at, row, draws := ptr("above"), ptr("at"), ptr("row"), ptr("draws")
	i, to, cols := ptr("from"), ptr("to"), ptr("cols")
	abs, lanes, others := s.splat(0x7fffffff), make([]reg.VecVirtual, shared/s.lanes), GP64()
	for k := range lanes {
		lanes[k] = s.vec()
		VPMOVZXBD(laneIndex.Offset(k*s.lanes), lanes[k])
	}
	LEAQ(Mem{Base: cols, Disp: -1}, others)
	Label("loop")
	left, back := s.other(draws, i, others, cols)
	limit, x := s.vec(), XMM()
	VMOVD(left.As32(), x)
	VPBROADCASTD(x, limit)
	for k := range lanes {
		a, b := s.vec(), s.vec()
		s.and(elem(row, i, k*s.bytes()), abs, a)
		s.and(elem(row, back, k*s.bytes()), abs, b)
		s.putBits(above, at, i, k, s.before(a, b, limit, lanes[k]))
	}
	ADDQ(Imm(shared), i)
	CMPQ(i, to)
	JLT(LabelRef("loop"))
	end()
}

// other is the place in the row of the element that is compared with element i,
// and how many were left from it to the end of the row before it was taken back:
// of so many neighbours the others lie behind them.
func (s isa) other(draws, i, others, cols reg.GPVirtual) (left, back reg.GPVirtual) {
	other, quarter := GP64(), GP64()
	left, back = GP64(), GP64()
	MOVQ(i, quarter)
	SHRQ(Imm(2), quarter)
	MOVL(Mem{Base: draws, Index: quarter, Scale: 1}, other.As32())
	IMULQ(others, other)
	SHRQ(Imm(32), other)
	LEAQ(Mem{Base: i, Index: other, Scale: 1, Disp: 1}, other)
	MOVQ(cols, left)
	SUBQ(other, left)
	MOVQ(other, back)
	SUBQ(cols, back)
	CMOVQLT(other, back)
	return left, back
}

// before is a bit for every lane of a that is larger than that of b, or equal in
// the first lanes, up to a limit.
func (s isa) before(a, b, limit, lanes reg.VecVirtual) reg.GPVirtual {
	g := GP32()
	if s.wide {
		larger, same := K(), K()
		VPCMPGTD(lanes, limit, same)
		VPCMPEQD(b, a, same, same)
		VPCMPGTD(b, a, larger)
		KORW(same, larger, larger)
		KMOVW(larger, g)
		return g
	}
	larger, same, first := s.vec(), s.vec(), s.vec()
	VPCMPGTD(b, a, larger)
	VPCMPEQD(b, a, same)
	VPCMPGTD(lanes, limit, first)
	VPAND(first, same, same)
	VPOR(same, larger, larger)
	VMOVMSKPS(larger, g)
	return g
}

// putBits writes the bits of a vector, the k-th from element i on.
func (s isa) putBits(above, at, i reg.GPVirtual, k int, bits reg.GPVirtual) {
	to := GP64()
	LEAQ(Mem{Base: at, Index: i, Scale: 1}, to)
	SARQ(Imm(3), to)
	if s.wide {
		MOVW(bits.As16(), Mem{Base: above, Index: to, Scale: 1})
	} else {
		MOVB(bits.As8(), Mem{Base: above, Index: to, Scale: 1, Disp: k})
	}
}
