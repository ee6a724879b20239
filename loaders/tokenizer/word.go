package tokenizer

import "unicode/utf8"

// symbol is a token in the making; removed ones have no length.
type symbol struct{ id, len, prev, next int32 }

// word is a piece while it is merged.
type word struct {
	symbols []symbol
	room    [64]symbol
	unkLen  int32 // bytes of a pending unknown token
}

func (w *word) add(id, n int32) {
	if w.symbols == nil {
		w.symbols = w.room[:0]
	}
	i := int32(len(w.symbols))
	w.symbols = append(w.symbols, symbol{id, n, i - 1, i + 1})
}

// bytes makes a symbol of each byte.
func (w *word) bytes(m *bpe, piece string) {
	for i := range len(piece) {
		if id := m.raw[piece[i]]; id >= 0 {
			w.add(id, 1)
		}
	}
}

// characters makes a symbol of each character, or of its bytes.
func (w *word) characters(m *bpe, piece string) {
	for i := 0; i < len(piece); {
		r, n := utf8.DecodeRuneInString(piece[i:])
		id, ok := m.chars[r]
		if m.user != nil {
			if k, own := m.user.longest(piece[i:]); k > 0 {
				id, n, ok = own, k, true
			}
		}
		if ok {
			w.known(m, id, n)
		} else {
			w.unknown(m, piece[i:i+n], n)
		}
		i += n
	}
	w.flush(m)
}

// affixed does the same where symbols inside a word have a prefix and the last
// one has a suffix.
func (w *word) affixed(m *bpe, piece string) {
	for i, r := range piece {
		n := utf8.RuneLen(r)
		s := piece[i : i+n]
		if i > 0 {
			s = m.prefix + s
		}
		if i+n == len(piece) {
			s += m.suffix
		}
		if id, ok := m.ids[s]; ok {
			w.known(m, id, n)
		} else {
			w.unknown(m, s, n)
		}
	}
	w.flush(m)
}

func (w *word) known(m *bpe, id int32, n int) {
	w.flush(m)
	w.add(id, int32(n))
}

// unknown takes the bytes of a symbol if all of them are tokens. Like the
// reference, it then leaves a pending unknown token for later.
func (w *word) unknown(m *bpe, s string, n int) {
	if m.fallback != nil && allBytes(m.fallback, s) {
		for i := range len(s) {
			w.add(m.fallback[s[i]], 1)
		}
		return
	}
	if !m.fuseUnk {
		w.flush(m)
	}
	w.unkLen += int32(n)
}

// flush adds the pending unknown token.
func (w *word) flush(m *bpe) {
	if w.unkLen > 0 && m.unk >= 0 {
		w.add(m.unk, w.unkLen)
	}
	w.unkLen = 0
}

func allBytes(ids *[256]int32, s string) bool {
	for i := range len(s) {
		if ids[s[i]] < 0 {
			return false
		}
	}
	return true
}

// fewSymbols is up to where looking through all pairs is faster than a heap.
const fewSymbols = 24

func (w *word) mergeAll(m *bpe) {
	if len(w.symbols) < 2 {
		return
	}
	w.symbols[len(w.symbols)-1].next = -1
	if len(w.symbols) <= fewSymbols {
		w.mergeFew(m)
	} else {
		w.mergeMany(m)
	}
}

const noRank = 1<<31 - 1

// mergeFew keeps the rank of every pair and looks for the least each time.
func (w *word) mergeFew(m *bpe) {
	var pairs [fewSymbols]merged
	s := w.symbols
	n := len(s)
	look := func(i int) merged {
		if x, ok := m.merges[[2]int32{s[i].id, s[i+1].id}]; ok {
			return x
		}
		return merged{noRank, -1}
	}
	for i := range n - 1 {
		pairs[i] = look(i)
	}
	for n > 1 {
		best := 0
		for i := 1; i < n-1; i++ {
			if pairs[i].rank < pairs[best].rank {
				best = i
			}
		}
		if pairs[best].rank == noRank {
			break
		}
		s[best].id = pairs[best].id
		s[best].len += s[best+1].len
		copy(s[best+1:n], s[best+2:n])
		copy(pairs[best:n-1], pairs[best+1:n-1])
		n--
		if best > 0 {
			pairs[best-1] = look(best - 1)
		}
		if best < n-1 {
			pairs[best] = look(best)
		}
	}
	w.symbols = s[:n]
}

// mergeMany keeps pairs in a heap. An entry whose pair has changed since is
// known by its rank.
func (w *word) mergeMany(m *bpe) {
	var h heap
	push := func(i int32) {
		if next := w.symbols[i].next; next >= 0 {
			if x, ok := m.merges[[2]int32{w.symbols[i].id, w.symbols[next].id}]; ok {
				h.push(uint64(x.rank)<<32 | uint64(i))
			}
		}
	}
	for i := range w.symbols {
		push(int32(i))
	}
	for len(h) > 0 {
		top := h.pop()
		rank, i := int32(top>>32), int32(top&0xFFFFFFFF)
		left := &w.symbols[i]
		if left.len == 0 || left.next < 0 {
			continue
		}
		right := &w.symbols[left.next]
		x, ok := m.merges[[2]int32{left.id, right.id}]
		if !ok || x.rank != rank {
			continue
		}
		left.id, left.len, left.next = x.id, left.len+right.len, right.next
		right.len = 0
		if left.next >= 0 {
			w.symbols[left.next].prev = i
		}
		if left.prev >= 0 {
			push(left.prev)
		}
		push(i)
	}
}

// tokens appends what the word has become. Bytes of a prefix or suffix count
// as well, so that the last tokens may lie beyond its end.
func (w *word) tokens(dst []token, most int32) []token {
	at := int32(0)
	for _, s := range w.symbols {
		if s.len > 0 {
			dst = append(dst, token{s.id, min(at, most), min(at+s.len, most)})
			at += s.len
		}
	}
	return dst
}
