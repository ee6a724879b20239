package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// merges builds the combination of task vectors: out = base + lambda*mix, with
// mix the sum of the deltas (divided by total), or of those whose sign wins.
// Deltas are given in float32, or as models in bfloat16 from which the base is
// still to be taken.
func (s isa) merges() {
	for _, raw := range []bool{false, true} {
		s.merge("mergeSum", raw, func(m merger, sums []reg.VecVirtual) []reg.VecVirtual {
			for _, sum := range sums {
				VDIVPS(m.total, sum, sum)
			}
			return sums
		})
		s.merge("mergeVote", raw, merger.vote)
		s.merge("mergeElect", raw, merger.elect)
	}
	s.mergesOfTwo()
}

// merger is what the body of a merge loop holds.
type merger struct {
	isa
	raw                              bool
	plain                            bool // sums are of the deltas as they are
	out, from, xs, keeps, n          reg.GPVirtual
	factors, bounds, scratch, models reg.GPVirtual
	total, lambda, zero              reg.VecVirtual
	bits, abs, sign                  reg.VecVirtual
	base                             []reg.VecVirtual // in float32
}

// pair is how many vectors the body takes at once, two where there are enough
// registers: what is said of a model is then read half as often.
func (s isa) pair() int {
	if s.wide {
		return 2
	}
	return 1
}

func (s isa) merge(name string, raw bool, finish func(merger, []reg.VecVirtual) []reg.VecVirtual) {
	m := s.beginMerge(name, raw, "needs n to be a multiple of 32; factors are pairs of rescale and weight, scratch holds 32m numbers. Of a",
		"delta those elements count whose magnitude bits lie within its pair of bounds, above the first and up to the second, and",
		"which its mask, if there is one, keeps.")
	m.plain = name == "mergeElect"
	each("loop", m.n, s.pair()*s.lanes, func(i reg.GPVirtual) {
		m.base = m.widen(m.from, i)
		m.store(i, finish(m, m.gather(i)))
	})
	end()
}

// beginMerge opens a function and loads what all merges want to know.
func (s isa) beginMerge(name string, raw bool, doc ...string) merger {
	kind := "float32"
	if raw {
		name, kind = name+"BF16", "byte"
	}
	s.begin(name, "func(out *float32, base *"+kind+", xs **"+kind+", keeps **uint64, bounds *int32, factors *float32, scratch *float32, m int, total, lambda float32, n int)")
	doc[0] = name + " " + doc[0]
	Doc(doc...)
	m := merger{isa: s, raw: raw, out: ptr("out"), from: ptr("base"), xs: ptr("xs"), keeps: ptr("keeps"), n: ptr("n"),
		factors: ptr("factors"), bounds: ptr("bounds"), scratch: ptr("scratch"), models: ptr("m"),
		total: s.param32("total"), lambda: s.param32("lambda"), zero: s.zero(), abs: s.splat(0x7fffffff)}
	if s.wide {
		m.sign = s.splat(0x80000000)
	} else {
		m.bits = s.vec()
		VPMOVZXBD(laneBit, m.bits)
	}
	return m
}

// store writes base + lambda*mix.
func (m merger) store(i reg.GPVirtual, mixes []reg.VecVirtual) {
	for u, mix := range mixes {
		VMULPS(m.lambda, mix, mix)
		VADDPS(m.base[u], mix, mix)
		VMOVUPS(mix, elem(m.out, i, u*m.bytes()))
	}
}

// widen loads elements in float32.
func (m merger) widen(from, i reg.GPVirtual) []reg.VecVirtual {
	v := make([]reg.VecVirtual, m.pair())
	for u := range v {
		v[u] = m.vec()
		if !m.raw {
			VMOVUPS(elem(from, i, u*m.bytes()), v[u])
			continue
		}
		VPMOVZXWD(Mem{Base: from, Index: i, Scale: 2, Disp: u * m.bytes() / 2}, v[u])
		VPSLLD(Imm(16), v[u], v[u])
	}
	return v
}

func (m merger) zeros() []reg.VecVirtual {
	v := make([]reg.VecVirtual, m.pair())
	for u := range v {
		v[u] = m.vec()
		VMOVAPS(m.zero, v[u])
	}
	return v
}

// gather leaves every model's weighed deltas in scratch and returns their sums.
func (m merger) gather(i reg.GPVirtual) []reg.VecVirtual {
	sums := m.zeros()
	j, x, keep, to, byteIndex := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(i, byteIndex)
	SHRQ(Imm(3), byteIndex)
	XORQ(j, j)
	MOVQ(m.scratch, to)
	Label("gather")
	MOVQ(Mem{Base: m.xs, Index: j, Scale: 8}, x)
	MOVQ(Mem{Base: m.keeps, Index: j, Scale: 8}, keep)
	v := m.load(x, i, keep, byteIndex, j)
	for u := range m.pair() {
		if m.plain {
			VADDPS(v[u], sums[u], sums[u])
		}
		m.scale(v[u], Mem{Base: m.factors, Index: j, Scale: 8})
		m.scale(v[u], Mem{Base: m.factors, Index: j, Scale: 8, Disp: 4})
		VMOVUPS(v[u], at(to, u*m.bytes()))
		if !m.plain {
			VADDPS(v[u], sums[u], sums[u])
		}
	}
	ADDQ(U32(m.pair()*m.bytes()), to)
	INCQ(j)
	CMPQ(j, m.models)
	JLT(LabelRef("gather"))
	return sums
}

func (m merger) scale(v reg.VecVirtual, by Mem) {
	if m.wide {
		VMULPS_BCST(by, v, v)
		return
	}
	w := m.vec()
	VBROADCASTSS(by, w)
	VMULPS(w, v, v)
}

// load reads deltas, with zeros for what does not count.
func (m merger) load(x, i, keep, byteIndex, j reg.GPVirtual) []reg.VecVirtual {
	v := m.widen(x, i)
	counts := make([]reg.Register, m.pair())
	for u := range v {
		if m.raw {
			VSUBPS(m.base[u], v[u], v[u])
		}
		counts[u] = m.within(v[u], Mem{Base: m.bounds, Index: j, Scale: 8})
	}
	TESTQ(keep, keep)
	JZ(LabelRef("unmasked"))
	for u := range v {
		m.masked(counts[u], Mem{Base: keep, Index: byteIndex, Scale: 1, Disp: u * m.lanes / 8})
	}
	Label("unmasked")
	for u := range v {
		if m.wide {
			VMOVAPS_Z(v[u], counts[u].(reg.OpmaskVirtual), v[u])
		} else {
			VPAND(v[u], counts[u].(reg.VecVirtual), v[u])
		}
	}
	return v
}

// within is where the magnitude bits of v are above a bound, and not above the
// one that follows it.
func (m merger) within(v reg.VecVirtual, bounds Mem) reg.Register {
	t, upto := m.vec(), bounds
	upto.Disp += 4
	m.and(v, m.abs, t)
	if m.wide {
		k := K()
		VPCMPGTD_BCST(bounds, t, k)
		VPCMPD_BCST(U8(2), upto, t, k, k)
		return k
	}
	b, over := m.vec(), m.vec()
	VPBROADCASTD(upto, b)
	VPCMPGTD(b, t, over)
	VPBROADCASTD(bounds, b)
	VPCMPGTD(b, t, t)
	VPANDN(t, over, t)
	return t
}

// masked leaves of what counts what the mask keeps.
func (m merger) masked(counts reg.Register, keep Mem) {
	if m.wide {
		g, k := GP32(), K()
		MOVWLZX(keep, g)
		KMOVW(g, k)
		KANDW(k, counts, counts)
		return
	}
	mask := m.vec()
	VPBROADCASTB(keep, mask)
	VPAND(mask, m.bits, mask)
	VPCMPEQD(mask, m.bits, mask)
	VPAND(mask, counts.(reg.VecVirtual), counts.(reg.VecVirtual))
}

// voter is what decides the vote of one vector: the sign that loses, and where
// there is a sum at all (a NaN has none).
type voter struct {
	mix, div, flip reg.VecVirtual
	real           reg.Register
}

// vote adds up the deltas whose sign is that of their sum, a zero sum counting
// as positive. With a total of zero mix is divided by the votes' weights where
// there are any.
func (m merger) vote(sums []reg.VecVirtual) []reg.VecVirtual {
	voters := m.votes(sums)
	m.divide(voters)
	return mixes(voters)
}

// elect is vote with mix divided by the votes' weights, or by the total if that
// is more.
func (m merger) elect(sums []reg.VecVirtual) []reg.VecVirtual {
	voters := m.votes(sums)
	for _, v := range voters {
		VMAXPS(m.total, v.div, v.div)
		VDIVPS(v.div, v.mix, v.mix)
	}
	return mixes(voters)
}

func mixes(voters []voter) (list []reg.VecVirtual) {
	for _, v := range voters {
		list = append(list, v.mix)
	}
	return list
}

func (m merger) votes(sums []reg.VecVirtual) []voter {
	mix, div := m.zeros(), m.zeros()
	voters := make([]voter, m.pair())
	for u, sum := range sums {
		voters[u] = voter{mix[u], div[u], sum, m.compare(sum, sum, 7)}
		m.signOf(sum)
	}
	j, from := GP64(), GP64()
	XORQ(j, j)
	MOVQ(m.scratch, from)
	Label("vote")
	weight := m.vec()
	VBROADCASTSS(Mem{Base: m.factors, Index: j, Scale: 8, Disp: 4}, weight)
	for u, v := range voters {
		m.count(v, at(from, u*m.bytes()), weight)
	}
	ADDQ(U32(m.pair()*m.bytes()), from)
	INCQ(j)
	CMPQ(j, m.models)
	JLT(LabelRef("vote"))
	return voters
}

// signOf leaves the sign bit of values below zero, and nothing of others.
func (m merger) signOf(v reg.VecVirtual) {
	below := m.compare(v, m.zero, 1)
	if m.wide {
		VMOVAPS_Z(m.sign, below.(reg.OpmaskVirtual), v)
		return
	}
	VPSLLD(Imm(31), below.(reg.VecVirtual), v)
}

// count adds a delta in scratch.
func (m merger) count(v voter, from Mem, weight reg.VecVirtual) {
	x := m.vec()
	VMOVUPS(from, x)
	m.add(v, x, weight)
}

// add adds a delta to mix and its weight to div where it agrees: where it is
// above zero once its sign is flipped with the sum's.
func (m merger) add(v voter, x, weight reg.VecVirtual) {
	agreed := m.vec()
	if m.wide {
		k := K()
		VXORPS(x, v.flip, agreed)
		VCMPPS(U8(14), m.zero, agreed, v.real.(reg.OpmaskVirtual), k)
		VADDPS(x, v.mix, k, v.mix)
		VADDPS(weight, v.div, k, v.div)
		return
	}
	VXORPS(x, v.flip, agreed)
	VCMPPS(U8(14), m.zero, agreed, agreed)
	VANDPS(v.real.(reg.VecVirtual), agreed, agreed)
	t := m.vec()
	VADDPS(x, v.mix, t)
	VBLENDVPS(agreed, t, v.mix, v.mix)
	VADDPS(weight, v.div, t)
	VBLENDVPS(agreed, t, v.div, v.div)
}

// divide divides mix by div where div is not zero and total is.
func (m merger) divide(voters []voter) {
	sign := GP32()
	VMOVD(m.total.AsX(), sign)
	TESTL(sign, sign)
	JNZ(LabelRef("divided"))
	for _, v := range voters {
		q := m.vec()
		VDIVPS(v.div, v.mix, q)
		m.blend(m.compare(v.div, m.zero, 4), q, v.mix)
	}
	Label("divided")
}
