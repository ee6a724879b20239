package nn

import (
	"math"
	"slices"

	"github.com/rouxml/roux/tensor/kernel"
)

// table is the cosines and sines of all positions so far asked for.
type table struct {
	cos, sin []float32
	half, n  int
}

// tableKey tells tables apart: the rotation, and the class of lengths.
type tableKey struct {
	rope  *rope
	class int
}

// prepare makes the tables that a segment needs.
func (r *runner) prepare(s *segment) {
	for _, l := range r.arch.layers {
		if l.rope != nil {
			r.tableFor(l.rope, s.whole).extend(l.rope, s.whole, s.past+len(s.tokens))
		}
	}
}

func (r *runner) tableFor(p *rope, length int) *table {
	key := tableKey{p, p.class(length)}
	t := r.tables[key]
	if t == nil {
		t = &table{half: p.dims / 2}
		r.tables[key] = t
	}
	return t
}

// extend computes the angles up to position n. An angle is the product of the
// position and the frequency in float32, as torch has it.
func (t *table) extend(p *rope, length, n int) {
	if n <= t.n {
		return
	}
	freq, factor := p.frequencies(length)
	t.cos, t.sin = slices.Grow(t.cos, (n-t.n)*t.half), slices.Grow(t.sin, (n-t.n)*t.half)
	for at := t.n; at < n; at++ {
		for _, w := range freq {
			s, c := math.Sincos(float64(float32(at) * w))
			t.cos, t.sin = append(t.cos, float32(c)*factor), append(t.sin, float32(s)*factor)
		}
	}
	t.n = n
}

// turn normalises and rotates the queries and keys of a group.
func (r *runner) turn(g group) {
	t := &r.block.attention
	for _, s := range g.segments {
		var angles *table
		if r.block.rope != nil {
			angles = r.tableFor(r.block.rope, s.whole)
		}
		if angles == nil && t.qNorm == nil {
			continue
		}
		base := s.row - g.row
		split(r.options.Workers, len(s.tokens), rowsEach(t.rowWidth), func(from, to int) {
			for i := from; i < to; i++ {
				row := r.buf.qkv[(base+i)*t.rowWidth : (base+i+1)*t.rowWidth]
				r.turnRow(row, angles, s.past+i)
			}
		})
	}
}

func (r *runner) turnRow(row []float32, angles *table, position int) {
	t, d := &r.block.attention, r.arch.HeadDim
	if t.wholeRow {
		q, k := row[:r.arch.Heads*d], row[t.keys:t.keys+r.arch.KVHeads*d]
		t.qNorm[0].one(q, q)
		t.kNorm[0].one(k, k)
	}
	turnHeads(row, r.arch.Heads, d, t.step, t.qNorm, t.wholeRow, angles, position)
	turnHeads(row[t.keys:], r.arch.KVHeads, d, t.step, t.kNorm, t.wholeRow, angles, position)
}

func turnHeads(x []float32, heads, d, step int, norms []*norm, normed bool, angles *table, position int) {
	for h := range heads {
		head := x[h*step : h*step+d]
		if len(norms) > 0 && !normed {
			n := norms[min(h, len(norms)-1)]
			n.one(head, head)
		}
		if angles != nil {
			at := position * angles.half
			kernel.RotateHalf(head[:2*angles.half], angles.cos[at:at+angles.half], angles.sin[at:at+angles.half])
		}
	}
}

// attention fills attended from what was projected.
func (r *runner) attention(g group) {
	t, a := &r.block.attention, r.arch
	sh := shape{
		heads: a.Heads, kvHeads: a.KVHeads, dim: a.HeadDim, window: r.block.window, scale: r.block.scale, cap: a.softcap, causal: !a.Encoder,
	}
	width := a.Heads * a.HeadDim
	all := make([]queries, len(g.segments))
	for i, s := range g.segments {
		base := s.row - g.row
		all[i] = queries{
			x: r.buf.qkv[base*t.rowWidth:], ld: t.rowWidth, step: t.step, n: len(s.tokens), past: s.past,
			out: r.buf.attended[base*width:], ldOut: width,
		}
		if s.cache != nil {
			all[i].keys = s.cache.append(r.number, r.buf.qkv[base*t.rowWidth:], t, a, len(s.tokens))
			continue
		}
		for _, p := range append(s.before[:len(s.before):len(s.before)], piece{s, len(s.tokens)}) {
			from := (p.s.row - g.row) * t.rowWidth
			all[i].keys = append(all[i].keys, keys{k: r.buf.qkv[from+t.keys:], v: r.buf.qkv[from+t.values:], ld: t.rowWidth, step: t.step, n: p.n})
		}
	}
	sh.attend(all, &r.scratch, r.options.Workers)
}
