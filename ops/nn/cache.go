package nn

import (
	"context"
	"fmt"
)

// Cache holds the keys and values of one sequence, so that each further token
// costs one row. It belongs to one goroutine.
type Cache struct {
	model  *Model
	tokens []int32
	k, v   [][]float32 // by layer: [token, head, size]
	tables map[tableKey]*table
}

// mostTables bounds the angles that a cache keeps, where each length has its own.
const mostTables = 8

// NewCache returns an empty cache with room for so many tokens, which is
// CacheBytes; more of them make it grow, by copying.
func (m *Model) NewCache(room int) *Cache {
	c := &Cache{model: m, tables: map[tableKey]*table{}, k: make([][]float32, m.arch.Layers), v: make([][]float32, m.arch.Layers)}
	row := m.arch.KVHeads * m.arch.HeadDim
	for i := range c.k {
		c.k[i], c.v[i] = make([]float32, 0, room*row), make([]float32, 0, room*row)
	}
	return c
}

// CacheBytes is what the keys and values of so many tokens take.
func (m *Model) CacheBytes(tokens int) int64 {
	a := m.arch
	return 8 * int64(tokens) * int64(a.Layers) * int64(a.KVHeads) * int64(a.HeadDim)
}

// Len is how many tokens the cache holds.
func (c *Cache) Len() int { return len(c.tokens) }

// Resume drops what the cache holds that a text does not begin with, and returns
// the rest of the text, at least its last token.
func (c *Cache) Resume(text []int32) []int32 {
	c.truncate(min(commonPrefix(c.tokens, text), len(text)-1))
	return text[len(c.tokens):]
}

// truncate drops all tokens but the first n, or all, where those were turned by
// the angles of a longer text.
func (c *Cache) truncate(n int) {
	n = min(n, len(c.tokens))
	if c.turns(len(c.tokens), n) {
		n = 0
	}
	row := c.model.arch.KVHeads * c.model.arch.HeadDim
	c.tokens = c.tokens[:n]
	for i := range c.k {
		c.k[i], c.v[i] = c.k[i][:min(n*row, len(c.k[i]))], c.v[i][:min(n*row, len(c.v[i]))]
	}
}

// append takes the keys and values of n tokens of a layer and returns all.
func (c *Cache) append(layer int, qkv []float32, t *attention, a *Arch, n int) keys {
	for i := range n {
		row := qkv[i*t.rowWidth:]
		for h := range a.KVHeads {
			at := h * t.step
			c.k[layer] = append(c.k[layer], row[t.keys+at:t.keys+at+a.HeadDim]...)
			c.v[layer] = append(c.v[layer], row[t.values+at:t.values+at+a.HeadDim]...)
		}
	}
	row := a.KVHeads * a.HeadDim
	return keys{k: c.k[layer], v: c.v[layer], ld: row, step: a.HeadDim, n: len(c.k[layer]) / row}
}

// Next takes in tokens and returns the logits behind the last of them, Vocab
// elements that are the caller's. They have the bits that a run of the whole
// sequence gives.
func (c *Cache) Next(ctx context.Context, tokens []int32) ([]float32, error) {
	m := c.model
	if m.arch.Encoder {
		return nil, fmt.Errorf("a model of type %s is an encoder and generates nothing", m.arch.Type)
	}
	if err := m.check([][]int32{tokens}, len(c.tokens)); err != nil {
		return nil, err
	}
	tokens = c.restart(tokens)
	s := &segment{tokens: tokens, past: len(c.tokens), whole: len(c.tokens) + len(tokens), cache: c}
	groups := []group{{segments: []*segment{s}, n: len(tokens)}}
	h := m.arch.Hidden
	x := make([]float32, len(tokens)*h)
	if len(c.tables) > mostTables {
		clear(c.tables)
	}
	r := m.newRunner(groups, Hooks{}, c.tables)
	if err := r.through(ctx, &hidden{x: x}, groups); err != nil {
		c.truncate(len(c.tokens))
		return nil, err
	}
	c.tokens = append(c.tokens, tokens...)
	return r.last(x[(len(tokens)-1)*h:])
}

// restart empties the cache where further tokens change the angles of those in
// it, and returns all tokens then.
func (c *Cache) restart(tokens []int32) []int32 {
	n := len(c.tokens)
	if n == 0 || !c.turns(n, n+len(tokens)) {
		return tokens
	}
	all := append(c.tokens[:n:n], tokens...)
	c.truncate(0)
	return all
}

// turns says that texts of two lengths have other angles.
func (c *Cache) turns(one, other int) bool {
	for _, l := range c.model.arch.layers {
		if l.rope != nil && l.rope.class(one) != l.rope.class(other) {
			return true
		}
	}
	return false
}

// last computes the logits of one row.
func (r *runner) last(x []float32) ([]float32, error) {
	w, err := r.readHead()
	if err != nil {
		return nil, err
	}
	r.finish(x, 1)
	z := make([]float32, r.arch.Vocab)
	r.columns(w, r.headInput(x, 1), 1, 0, r.arch.Vocab, z, r.arch.Vocab)
	return z, checkLogits(z)
}
