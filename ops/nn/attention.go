package nn

import (
	"math"

	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// Attention goes by tiles of queries and keys with a running softmax (Milakov
// and Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135): a
// row's sums go by tiles of keys that begin at multiples of keyTile, in
// ascending order, whatever the other rows are.
const (
	queryTile = 64
	keyTile   = 128
)

// keys is where the keys and values of consecutive tokens lie: head h of token
// i begins at i*ld+h*step.
type keys struct {
	k, v     []float32
	ld, step int
	n        int
}

// queries is one sequence's part in an attention.
type queries struct {
	x        []float32 // head h of token i begins at i*ld+h*step
	ld, step int
	n, past  int    // so many queries behind so many tokens
	keys     []keys // of all tokens
	out      []float32
	ldOut    int
}

// shape is what all sequences share.
type shape struct {
	heads, kvHeads, dim int
	window              int
	scale, cap          float32
	causal              bool
}

// attend computes the attention of all sequences; tiles go to workers.
func (sh shape) attend(all []queries, scratch *scratchPool, workers int) {
	type task struct {
		q       *queries
		kv, at0 int
	}
	var tasks []task
	for i := range all {
		// The last queries see the most keys: they come first.
		for at := (all[i].n - 1) / queryTile * queryTile; at >= 0; at -= queryTile {
			for kv := range sh.kvHeads {
				tasks = append(tasks, task{&all[i], kv, at})
			}
		}
	}
	gemm.Share(workers, len(tasks), func(i int) {
		t := tasks[i]
		s := scratch.get()
		sh.tile(t.q, t.kv, t.at0, s)
		scratch.put(s)
	})
}

// tile computes queryTile queries, from at on, of all heads that share a head
// of keys.
func (sh shape) tile(q *queries, kv, at int, s *scratch) {
	share := sh.heads / sh.kvHeads
	n, d := min(queryTile, q.n-at), sh.dim
	rows := share * n
	s.fit(rows, d)
	for g := range share {
		for i := range n {
			from := (at+i)*q.ld + (kv*share+g)*q.step
			copy(s.q[(g*n+i)*d:(g*n+i+1)*d], q.x[from:from+d])
		}
	}
	for i := range rows {
		s.most[i], s.sum[i] = -math.MaxFloat32, 0
	}
	clear(s.out[:rows*d])
	first, end := q.past+at, q.past+at+n
	from := 0
	if sh.window > 0 {
		from = max(0, first-sh.window+1) / keyTile * keyTile
	}
	if !sh.causal {
		end = q.past + q.n
	}
	for j := from; j < end; j += keyTile {
		if n == 1 && j+keyTile < end {
			s.fetch(q, kv, j+keyTile, min(keyTile, end-j-keyTile), d)
		}
		sh.step(q, kv, s, rows, n, first, j, min(keyTile, end-j))
	}
	for g := range share {
		for i := range n {
			to := (at+i)*q.ldOut + (kv*share+g)*d
			kernel.ScaleTo(q.out[to:to+d], 1/s.sum[g*n+i], s.out[(g*n+i)*d:(g*n+i+1)*d])
		}
	}
}

// step takes in count keys from j on.
func (sh shape) step(q *queries, kv int, s *scratch, rows, n, first, j, count int) {
	d := sh.dim
	k, v, ld := s.keysAt(q, kv, j, count, d)
	gemm.F32(false, true, rows, count, d, sh.scale, s.q, d, k, ld, 0, s.p, keyTile, 1)
	if sh.cap != 0 {
		for i := range rows {
			softcap(s.p[i*keyTile:i*keyTile+count], sh.cap)
		}
	}
	if sh.causal && (j+count > first+1 || sh.window > 0 && j <= first+n-1-sh.window) {
		sh.mask(s.p, rows, n, first, j, count)
	}
	padded := (count + 15) &^ 15
	for i := range rows {
		fill(s.p[i*keyTile+count:i*keyTile+padded], float32(math.Inf(-1)))
	}
	kernel.SoftmaxStep(s.p, keyTile, rows, padded, s.most, s.sum, s.shrink)
	for i := range rows {
		if s.shrink[i] != 1 {
			kernel.Scale(s.out[i*d:(i+1)*d], s.shrink[i])
		}
	}
	gemm.F32(false, false, rows, d, count, 1, s.p, keyTile, v, ld, 1, s.out, d, 1)
}

// mask hides the keys that a query may not see. Row i is query i%n.
func (sh shape) mask(p []float32, rows, n, first, j, count int) {
	hidden := float32(math.Inf(-1))
	for i := range rows {
		row := p[i*keyTile : i*keyTile+count]
		at := first + i%n - j // the query's own key
		if at+1 < count {
			fill(row[max(at+1, 0):], hidden)
		}
		if sh.window > 0 && at-sh.window >= 0 {
			fill(row[:min(at-sh.window+1, count)], hidden)
		}
	}
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// fetch asks for a tile of keys and values that lies in one piece: for few rows
// memory is what takes the time.
func (s *scratch) fetch(q *queries, kv, j, count, d int) {
	if k, v, ld := s.keysAt(q, kv, j, count, d); ld == d {
		gemm.Fetch(k[:count*d])
		gemm.Fetch(v[:count*d])
	}
}

// keysAt returns count keys and values of a head from token j on: where they
// are, or copied together where they lie in several places.
func (s *scratch) keysAt(q *queries, kv, j, count, d int) (k, v []float32, ld int) {
	done := 0
	for _, at := range q.keys {
		if j >= at.n {
			j -= at.n
			continue
		}
		if done == 0 && j+count <= at.n {
			from := j*at.ld + kv*at.step
			return at.k[from:], at.v[from:], at.ld
		}
		for ; j < at.n && done < count; j, done = j+1, done+1 {
			from := j*at.ld + kv*at.step
			copy(s.k[done*d:], at.k[from:from+d])
			copy(s.v[done*d:], at.v[from:from+d])
		}
		j = 0
		if done == count {
			break
		}
	}
	return s.k, s.v, d
}
