package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// others builds the steps by which elements of a row are compared with others
// of it: their indices are listed, compared, and the outcome is put back.
func (s isa) others() {
	s.listed()
	s.outranks()
	s.deposit()
}

// listed writes the index of every bit that is set.
func (s isa) listed() {
	s.begin("listed", "func(list *uint32, words *uint64, n int, first int32) (count int)")
	Doc("listed writes the indices of all bits that are set in n words, whose first has the index first, and needs room for 16 more.")
	list, words, n, count := ptr("list"), ptr("words"), ptr("n"), GP64()
	first := Load(Param("first"), GP32()).(reg.GPVirtual)
	XORQ(count, count)
	word := GP64()
	Label("words")
	MOVQ(at(words, 0), word)
	if s.wide {
		s.listWide(list, word, first, count)
	} else {
		s.listNarrow(list, word, first, count)
	}
	ADDL(Imm(64), first)
	ADDQ(Imm(8), words)
	DECQ(n)
	JNZ(LabelRef("words"))
	Store(count, ReturnIndex(0))
	end()
}

func (s isa) listWide(list, word, first, count reg.GPVirtual) {
	index, lanes, step := s.vec(), s.vec(), s.splat(16)
	VPBROADCASTD(first, index)
	VPMOVZXBD(laneIndex, lanes)
	VPADDD(lanes, index, index)
	for range 4 {
		k, packed, c := K(), s.vec(), GP32()
		KMOVW(word.As32(), k)
		VPCOMPRESSD_Z(index, k, packed)
		VMOVUPS(packed, elem(list, count, 0))
		MOVWLZX(word.As16(), c)
		POPCNTL(c, c)
		ADDQ(c.As64(), count)
		VPADDD(step, index, index)
		SHRQ(Imm(16), word)
	}
}

func (s isa) listNarrow(list, word, first, count reg.GPVirtual) {
	TESTQ(word, word)
	JZ(LabelRef("none"))
	Label("bits")
	i := GP64()
	TZCNTQ(word, i)
	ADDL(first, i.As32())
	MOVL(i.As32(), elem(list, count, 0))
	INCQ(count)
	BLSRQ(word, word)
	JNZ(LabelRef("bits"))
	Label("none")
}

// outranks sets the bit of every listed element that comes before another of
// the row, by magnitude and then by index, which a draw picks.
func (s isa) outranks() {
	s.begin("outranks", "func(bits *uint64, list, draws *uint32, row *float32, others uint32, n int)")
	Doc("outranks needs n to be a multiple of a vector.")
	bits, list, draws, row, n := ptr("bits"), ptr("list"), ptr("draws"), ptr("row"), ptr("n")
	g, x, others := Load(Param("others"), GP32()), XMM(), s.vec()
	VMOVD(g, x)
	VPBROADCASTD(x, others)
	one, abs := s.splat(1), s.splat(0x7fffffff)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		own, other := s.vec(), s.vec()
		VMOVUPS(elem(list, i, 0), own)
		VMOVUPS(elem(draws, i, 0), other)
		s.mulHigh(other, others)
		bit := s.before(row, own, s.skip(other, own, one), abs)
		to := GP64()
		MOVQ(i, to)
		SHRQ(Imm(3), to)
		if s.wide {
			MOVW(bit.As16(), Mem{Base: bits, Index: to, Scale: 1})
		} else {
			MOVB(bit.As8(), Mem{Base: bits, Index: to, Scale: 1})
		}
	})
	end()
}

// mulHigh leaves the upper halves of the products of all lanes.
func (s isa) mulHigh(v, by reg.VecVirtual) {
	odd := s.vec()
	VPSRLQ(Imm(32), v, odd)
	VPMULUDQ(by, odd, odd)
	VPMULUDQ(by, v, v)
	VPSRLQ(Imm(32), v, v)
	if s.wide {
		g, k := GP32(), K()
		MOVL(U32(0xaaaa), g)
		KMOVW(g, k)
		VPBLENDMD(odd, v, k, v)
		return
	}
	VPBLENDD(U8(0xaa), odd, v, v)
}

// skip leaves an element itself out of the others.
func (s isa) skip(other, own, one reg.VecVirtual) reg.VecVirtual {
	if s.wide {
		k := K()
		VPCMPD(U8(5), own, other, k) // not less
		VPADDD(one, other, k, other)
		return other
	}
	less := s.vec()
	VPCMPGTD(other, own, less)
	VPADDD(one, other, other)
	VPADDD(less, other, other)
	return other
}

// before is a bit for every element that is larger in magnitude than another, or
// as large and before it.
func (s isa) before(row reg.GPVirtual, own, other, abs reg.VecVirtual) reg.GPVirtual {
	a, b, g := s.gathered(row, own, abs), s.gathered(row, other, abs), GP32()
	if s.wide {
		larger, same := K(), K()
		VPCMPGTD(b, a, larger)
		VPCMPEQD(b, a, same)
		VPCMPGTD(own, other, same, same)
		KORW(same, larger, larger)
		KMOVW(larger, g)
		return g
	}
	larger, same, first := s.vec(), s.vec(), s.vec()
	VPCMPGTD(b, a, larger)
	VPCMPEQD(b, a, same)
	VPCMPGTD(own, other, first)
	VPAND(first, same, same)
	VPOR(same, larger, larger)
	VMOVMSKPS(larger, g)
	return g
}

func (s isa) gathered(row reg.GPVirtual, index, abs reg.VecVirtual) reg.VecVirtual {
	v := s.zero()
	from := Mem{Base: row, Index: index, Scale: 4}
	if s.wide {
		k := K()
		KXNORW(k, k, k)
		VPGATHERDD(from, k, v)
	} else {
		mask := s.vec()
		VPCMPEQD(mask, mask, mask)
		VPGATHERDD(mask, from, v)
	}
	s.and(v, abs, v)
	return v
}

// deposit puts a stream of bits to the places of bits that are set.
func (s isa) deposit() {
	if s.wide {
		return // it needs no vectors
	}
	s.begin("deposit", "func(keep, words, bits *uint64, n int)")
	Doc("deposit adds to n words of keep one bit of the stream for each that is set in words; bits has a word more than these need.")
	keep, words, bits, n := ptr("keep"), ptr("words"), ptr("bits"), ptr("n")
	taken := GP64()
	XORQ(taken, taken)
	Label("words")
	w, low, high, index, c := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(at(words, 0), w)
	MOVQ(taken, index)
	SHRQ(Imm(6), index)
	MOVQ(Mem{Base: bits, Index: index, Scale: 8}, low)
	MOVQ(Mem{Base: bits, Index: index, Scale: 8, Disp: 8}, high)
	SHRXQ(taken, low, low) // both shift by their count modulo 64
	MOVQ(taken, c)
	NOTQ(c)
	ADDQ(high, high)
	SHLXQ(c, high, high)
	ORQ(high, low)
	PDEPQ(w, low, low)
	ORQ(low, at(keep, 0))
	POPCNTQ(w, c)
	ADDQ(c, taken)
	ADDQ(Imm(8), keep)
	ADDQ(Imm(8), words)
	DECQ(n)
	JNZ(LabelRef("words"))
	RET()
}
