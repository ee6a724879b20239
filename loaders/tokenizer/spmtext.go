package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// spmText prepares text as sentencepiece does: piece by piece, a piece being a
// token of the user, what the table replaces, or a character.
type spmText struct {
	table          *charsmap // nil: none
	user           *prefixes // left as they are; nil: none
	few            bool      // no spaces at the ends, and one of several
	before, behind bool      // a ▁ is put before or behind the text
}

// piece is what the next piece becomes and how many bytes it has.
func (n *spmText) piece(s string) (string, int) {
	if n.user != nil {
		if k, _ := n.user.longest(s); k > 0 {
			return s[:k], k
		}
	}
	if n.table != nil {
		if to, k := n.table.find(s, true); k > 0 && utf8.ValidString(s[:k]) {
			return to, k
		}
	}
	_, k := utf8.DecodeRuneInString(s)
	return s[:k], k
}

func (n *spmText) normalize(t *text) error {
	if t.loose && n.table == nil && n.user == nil && !n.few {
		t.s = strings.ReplaceAll(t.s, " ", "▁")
		if n.before {
			t.s = "▁" + t.s
		}
		if n.behind {
			t.s += "▁"
		}
		return nil
	}
	from := n.leading(t.s)
	if from == len(t.s) {
		*t = t.slice(0, 0)
		return nil
	}
	w := rewrite(t)
	w.drop(from)
	if n.before {
		w.putNext('▁')
	}
	n.pieces(w)
	w.done()
	n.end(t)
	return nil
}

// leading is how many bytes of pieces that are one space a text begins with.
func (n *spmText) leading(s string) int {
	i := 0
	for n.few && i < len(s) {
		to, k := n.piece(s[i:])
		if to != " " {
			break
		}
		i += k
	}
	return i
}

func (n *spmText) pieces(w *rewriter) {
	space := n.few // whether a space would be one too many
	for w.off < len(w.t.s) {
		from := w.t.s[w.off:]
		to, k := n.piece(from)
		from = from[:k]
		for space && strings.HasPrefix(to, " ") {
			to = to[1:]
			if strings.HasPrefix(from, " ") {
				w.drop(1)
				from = from[1:]
			}
		}
		if to != "" {
			space = n.few && to[len(to)-1] == ' '
		}
		swap(w, from, strings.ReplaceAll(to, " ", "▁"))
	}
}

// end takes ▁ away from the end, and puts one there.
func (n *spmText) end(t *text) {
	end := len(t.s)
	for n.few && strings.HasSuffix(t.s[:end], "▁") {
		end -= len("▁")
	}
	last := pos{t.at, t.at}
	if len(t.align) > 0 {
		last = t.align[max(end-1, 0)]
	}
	if t.s = t.s[:end]; !t.loose {
		t.align = t.align[:end]
	}
	if n.behind {
		t.s += "▁"
		for range len("▁") {
			if !t.loose {
				t.align = append(t.align, last)
			}
		}
	}
}
