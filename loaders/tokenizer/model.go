package tokenizer

import (
	"fmt"
	"hash/maphash"
	"sync/atomic"

	tables "github.com/rouxml/roux/tensor/vocab"
)

// token is one token of a piece: its id and the bytes of the piece that it
// stands for.
type token struct{ id, start, end int32 }

// model turns a piece of text into tokens. It is safe for concurrent use.
type model interface {
	tokenize(dst []token, piece string) ([]token, error)
}

// unknownID is the id of what a model does not know; -1 if it has none.
func unknownID(m model) int32 {
	var v *vocab
	var unk string
	switch m := m.(type) {
	case *bpe:
		return m.unk
	case *unigram:
		return m.unk
	case *wordPiece:
		v, unk = m.vocab, m.unk
	case *wordLevel:
		v, unk = m.vocab, m.unk
	}
	if v != nil {
		if id, ok := v.ids[unk]; ok {
			return id
		}
	}
	return -1
}

// vocab is what every model has: tokens by id and ids by token.
type vocab struct {
	ids    map[string]int32
	tokens []string // "" where an id has no token; see has
	has    []bool
	size   int // how many tokens the file lists, the same twice being two
}

// maxID bounds how many tokens a file may have.
const maxID = 1 << 24

func newVocab(ids map[string]int32) (*vocab, error) {
	v := &vocab{ids: ids, size: len(ids)}
	top, most := int32(-1), tables.LargestID(len(ids))
	for token, id := range ids {
		if id < 0 || int(id) > most {
			return nil, fmt.Errorf("the id %d of the token %q is not in 0..%d, which a vocabulary of %d tokens may use: number them without such gaps", id, token, most, len(ids))
		}
		top = max(top, id)
	}
	v.tokens, v.has = make([]string, top+1), make([]bool, top+1)
	for token, id := range ids {
		if !v.has[id] || token < v.tokens[id] { // one of two, always the same
			v.tokens[id], v.has[id] = token, true
		}
	}
	return v, nil
}

// token returns the token of an id.
func (v *vocab) token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(v.tokens) {
		return "", false
	}
	return v.tokens[id], v.has[id]
}

// cache remembers the tokens of pieces. It is a table of fixed size in which a
// new piece takes the place of an older one: bounded, and read without locks.
type cache struct {
	slots [1 << cacheBits]atomic.Pointer[cached]
	seed  maphash.Seed
}

const (
	cacheBits   = 15
	cachedPiece = 128 // bytes of the longest piece that is worth remembering
)

type cached struct {
	piece  string
	tokens []token
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

func (c *cache) slot(piece string) *atomic.Pointer[cached] {
	return &c.slots[maphash.String(c.seed, piece)>>(64-cacheBits)]
}

// remembered is a model with a cache before it.
type remembered struct {
	model model
	cache *cache
}

func remember(m model) remembered { return remembered{m, newCache()} }

func (m remembered) tokenize(dst []token, piece string) ([]token, error) {
	if len(piece) > cachedPiece {
		return m.model.tokenize(dst, piece)
	}
	slot := m.cache.slot(piece)
	if hit := slot.Load(); hit != nil && hit.piece == piece {
		return append(dst, hit.tokens...), nil
	}
	from := len(dst)
	dst, err := m.model.tokenize(dst, piece)
	if err == nil {
		slot.Store(&cached{string([]byte(piece)), append([]token(nil), dst[from:]...)})
	}
	return dst, err
}
