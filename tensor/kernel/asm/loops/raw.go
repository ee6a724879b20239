package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// raws builds the loops from bfloat16 as stored to bfloat16 as stored, and
// those that only read it.
func (s isa) raws() {
	s.linearSumBF16("linearSumBF16", func(r rounder, v []reg.VecVirtual, dst, i reg.GPVirtual) {
		for u := range v {
			VMOVUPS(v[u], elem(dst, i, u*s.bytes()))
		}
	})
	s.linearSumBF16("linearSumRaw", func(r rounder, v []reg.VecVirtual, dst, i reg.GPVirtual) {
		r.store(v, dst, i, VMOVDQU)
	})
	s.linearSumBF16("linearSumStream", func(r rounder, v []reg.VecVirtual, dst, i reg.GPVirtual) {
		r.store(v, dst, i, VMOVNTDQ)
	})
	s.maskScaleBF16("maskScaleBF16", VMOVDQU)
	s.maskScaleBF16("maskScaleStream", VMOVNTDQ)
}

// widenTwo loads two vectors of bfloat16.
func (s isa) widenTwo(from, i reg.GPVirtual) []reg.VecVirtual {
	v := make([]reg.VecVirtual, 2)
	for u := range v {
		v[u] = s.vec()
		VPMOVZXWD(Mem{Base: from, Index: i, Scale: 2, Disp: u * s.bytes() / 2}, v[u])
		VPSLLD(Imm(16), v[u], v[u])
	}
	return v
}

// store rounds two vectors and writes them by the instruction of that name,
// which may pass by the cache.
func (r rounder) store(v []reg.VecVirtual, dst, i reg.GPVirtual, move func(v, m Op)) {
	r.round(v[0])
	r.round(v[1])
	if !r.wide {
		VPACKUSDW(v[1], v[0], v[0])
		VPERMQ(U8(0xD8), v[0], v[0])
		move(v[0], Mem{Base: dst, Index: i, Scale: 2})
		return
	}
	for u := range v {
		h := r.half()
		VPMOVDW(v[u], h)
		move(h, Mem{Base: dst, Index: i, Scale: 2, Disp: 32 * u})
	}
}

// linearSumBF16 is linearSum of models in bfloat16, as store leaves it.
func (s isa) linearSumBF16(name string, store func(r rounder, v []reg.VecVirtual, dst, i reg.GPVirtual)) {
	s.begin(name, "func(dst *byte, xs **byte, w *float32, m int, total float32, n int)")
	Doc(name + " needs n to be a multiple of 2 vectors.")
	dst, xs, w, m, n := ptr("dst"), ptr("xs"), ptr("w"), ptr("m"), ptr("n")
	total, r := s.param32("total"), s.rounder()
	each("loop", n, 2*s.lanes, func(i reg.GPVirtual) {
		x, j, weight := GP64(), GP64(), s.vec()
		MOVQ(at(xs, 0), x)
		VBROADCASTSS(at(w, 0), weight)
		sum := s.widenTwo(x, i)
		for u := range sum {
			VMULPS(weight, sum[u], sum[u])
		}
		MOVQ(U32(1), j)
		JMP(LabelRef("test"))
		Label("models")
		MOVQ(Mem{Base: xs, Index: j, Scale: 8}, x)
		VBROADCASTSS(Mem{Base: w, Index: j, Scale: 4}, weight)
		for u, v := range s.widenTwo(x, i) {
			VMULPS(weight, v, v)
			VADDPS(v, sum[u], sum[u])
		}
		INCQ(j)
		Label("test")
		CMPQ(j, m)
		JLT(LabelRef("models"))
		for u := range sum {
			VDIVPS(total, sum[u], sum[u])
		}
		store(r, sum, dst, i)
	})
	SFENCE()
	end()
}

// ahead is how many bytes before their use elements are asked for: so many as
// are drawn at once, so that they come while masks are drawn.
const ahead = 8192

// maskScaleBF16 multiplies what a mask keeps and zeroes the rest.
func (s isa) maskScaleBF16(name string, move func(v, m Op)) {
	s.begin(name, "func(dst, src *byte, keep *uint64, factor float32, n int)")
	Doc(name + " needs n to be a multiple of 2 vectors.")
	dst, src, keep, n := ptr("dst"), ptr("src"), ptr("keep"), ptr("n")
	factor, r := s.param32("factor"), s.rounder()
	var bits reg.VecVirtual
	if !s.wide {
		bits = s.vec()
		VPMOVZXBD(laneBit, bits)
	}
	each("loop", n, 2*s.lanes, func(i reg.GPVirtual) {
		PREFETCHT0(Mem{Base: src, Index: i, Scale: 2, Disp: ahead})
		v, byteIndex := s.widenTwo(src, i), GP64()
		MOVQ(i, byteIndex)
		SHRQ(Imm(3), byteIndex)
		for u := range v {
			VMULPS(factor, v[u], v[u])
		}
		if s.wide {
			r.storeKept(v, dst, i, Mem{Base: keep, Index: byteIndex, Scale: 1}, move)
			return
		}
		for u := range v {
			mask := s.vec()
			VPBROADCASTB(Mem{Base: keep, Index: byteIndex, Scale: 1, Disp: u}, mask)
			VPAND(mask, bits, mask)
			VPCMPEQD(mask, bits, mask)
			VPAND(mask, v[u], v[u])
		}
		r.store(v, dst, i, move)
	})
	SFENCE()
	end()
}

// storeKept rounds and writes two vectors, with zeros where the mask has none.
func (r rounder) storeKept(v []reg.VecVirtual, dst, i reg.GPVirtual, keep Mem, move func(v, m Op)) {
	word := GP32()
	MOVL(keep, word)
	for u := range v {
		k, h := K(), r.half()
		KMOVW(word, k)
		SHRL(Imm(16), word)
		r.round(v[u])
		VPMOVDW_Z(v[u], k, h)
		move(h, Mem{Base: dst, Index: i, Scale: 2, Disp: 32 * u})
	}
}
