package nn

import (
	"context"
	"fmt"
)

// Cache holds the keys and values of one sequence, so that each further token
// costs one row. It belongs to one goroutine and grows by keyTile tokens.
type Cache struct {
	model  *Model
	tokens []int32
	held   []int       // tokens by layer: a run that fails leaves some with more
	tiles  [][]float32 // of keyTile tokens: [layer, keys or values, head, token, size]
	pieces []keys      // of one layer, for append
	tables map[tableKey]*table
}

// mostTables bounds the angles that a cache keeps, where each length has its own.
const mostTables = 8

// NewCache returns an empty cache.
func (m *Model) NewCache() *Cache {
	return &Cache{model: m, held: make([]int, m.arch.Layers), tables: map[tableKey]*table{}}
}

// CacheBytes is what the keys and values of so many tokens take.
func (m *Model) CacheBytes(tokens int) int64 {
	return 4 * int64((tokens+keyTile-1)/keyTile) * int64(m.arch.tileFloats())
}

// tileFloats is the size of a cache's tile.
func (a *Arch) tileFloats() int { return 2 * a.Layers * a.KVHeads * keyTile * a.HeadDim }

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
	c.tokens = c.tokens[:n]
	for i := range c.held {
		c.held[i] = min(n, c.held[i])
	}
}

// append takes the keys and values of n tokens of a layer and returns all, until
// the next call. A head's lie in one piece for each tile that attention takes, so
// that memory is read along.
func (c *Cache) append(layer int, qkv []float32, t *attention, a *Arch, n int) []keys {
	d := a.HeadDim
	values := a.KVHeads * keyTile * d // behind the keys
	for i := range n {
		row, at := qkv[i*t.rowWidth:], c.held[layer]+i
		tile := c.tile(layer, at/keyTile)[at%keyTile*d:]
		for h := range a.KVHeads {
			from, to := h*t.step, h*keyTile*d
			copy(tile[to:to+d], row[t.keys+from:])
			copy(tile[values+to:values+to+d], row[t.values+from:])
		}
	}
	c.held[layer] += n
	c.pieces = c.pieces[:0]
	for at := 0; at < c.held[layer]; at += keyTile {
		tile := c.tile(layer, at/keyTile)
		c.pieces = append(c.pieces, keys{k: tile, v: tile[values:], ld: d, step: keyTile * d, n: min(keyTile, c.held[layer]-at)})
	}
	return c.pieces
}

// tile returns a layer's part of a tile.
func (c *Cache) tile(layer, i int) []float32 {
	size := c.model.arch.tileFloats()
	if i == len(c.tiles) {
		c.tiles = append(c.tiles, floatPages(size))
	}
	return c.tiles[i][layer*size/c.model.arch.Layers:]
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
