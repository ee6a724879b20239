package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// model is what is known of one of two models, all in registers.
type model struct {
	x, keep         reg.GPVirtual
	bounded         reg.GPVirtual // zero where the bounds let all count
	bound, upto     reg.VecVirtual
	rescale, weight reg.VecVirtual
}

// mergesOfTwo builds the vote of two models, the most common merge: nothing
// about the models is read again in the loop, and deltas need no scratch.
func (s isa) mergesOfTwo() {
	if !s.wide {
		return // too few registers
	}
	s.voteOfTwo(false)
	s.voteOfTwo(true)
}

func (s isa) voteOfTwo(raw bool) {
	m := s.beginMerge("mergeVote2", raw, "needs n to be a multiple of 32 and m to be 2; it is mergeVote otherwise.")
	models := []model{m.model(0), m.model(1)}
	each("loop", m.n, m.pair()*m.lanes, func(i reg.GPVirtual) {
		m.base = m.widen(m.from, i)
		byteIndex := GP64()
		MOVQ(i, byteIndex)
		SHRQ(Imm(3), byteIndex)
		deltas := [][]reg.VecVirtual{m.delta(0, models[0], i, byteIndex), m.delta(1, models[1], i, byteIndex)}
		m.store(i, m.count2(models, deltas))
	})
	end()
}

func (m merger) model(j int) model {
	d := model{GP64(), GP64(), GP64(), m.vec(), m.vec(), m.vec(), m.vec()}
	MOVQ(at(m.bounds, 8*j), d.bounded)
	all := GP64()
	MOVQ(U64(0x7fffffff_ffffffff), all)
	SUBQ(all, d.bounded)
	MOVQ(at(m.xs, 8*j), d.x)
	MOVQ(at(m.keeps, 8*j), d.keep)
	VPBROADCASTD(at(m.bounds, 8*j), d.bound)
	VPBROADCASTD(at(m.bounds, 8*j+4), d.upto)
	VBROADCASTSS(at(m.factors, 8*j), d.rescale)
	VBROADCASTSS(at(m.factors, 8*j+4), d.weight)
	return d
}

// delta is a model's weighed delta, with zeros for what does not count.
func (m merger) delta(j int, d model, i, byteIndex reg.GPVirtual) []reg.VecVirtual {
	v := m.widen(d.x, i)
	counts := make([]reg.OpmaskVirtual, len(v))
	for u := range v {
		counts[u] = K()
		if m.raw {
			VSUBPS(m.base[u], v[u], v[u])
		}
	}
	m.which(fmt.Sprint(j), d, v, counts, func(u int) Mem {
		return Mem{Base: d.keep, Index: byteIndex, Scale: 1, Disp: u * m.lanes / 8}
	})
	for u := range v {
		VMULPS_Z(d.rescale, v[u], counts[u], v[u])
		VMULPS(d.weight, v[u], v[u])
	}
	return v
}

// which finds the elements that count, by the bounds and the mask, where there
// are any: masks alone are read as they are.
func (m merger) which(j string, d model, v []reg.VecVirtual, counts []reg.OpmaskVirtual, keep func(u int) Mem) {
	TESTQ(d.bounded, d.bounded)
	JNZ(LabelRef("bounded" + j))
	TESTQ(d.keep, d.keep)
	JZ(LabelRef("all" + j))
	for u, k := range counts {
		KMOVW(keep(u), k)
	}
	JMP(LabelRef("counted" + j))
	Label("all" + j)
	for _, k := range counts {
		KXNORW(k, k, k)
	}
	JMP(LabelRef("counted" + j))
	Label("bounded" + j)
	for u, k := range counts {
		t := m.vec()
		m.and(v[u], m.abs, t)
		VPCMPGTD(d.bound, t, k)
		VPCMPD(U8(2), d.upto, t, k, k)
	}
	TESTQ(d.keep, d.keep)
	JZ(LabelRef("counted" + j))
	for u, k := range counts {
		some := K()
		KMOVW(keep(u), some)
		KANDW(some, k, k)
	}
	Label("counted" + j)
}

// count2 is merger.vote for deltas in registers.
func (m merger) count2(models []model, deltas [][]reg.VecVirtual) []reg.VecVirtual {
	mix, div := m.zeros(), m.zeros()
	voters := make([]voter, m.pair())
	for u := range voters {
		sum := m.vec()
		VADDPS(deltas[0][u], deltas[1][u], sum)
		voters[u] = voter{mix[u], div[u], sum, m.compare(sum, sum, 7)}
		VPANDD(m.sign, sum, sum) // only two negative zeros have a negative one, and those do not vote
	}
	for j, d := range models {
		for u, v := range voters {
			m.add(v, deltas[j][u], d.weight)
		}
	}
	m.divide(voters)
	return mix
}
