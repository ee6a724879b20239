package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// pos is where a byte of normalized text comes from: a range of bytes of the
// original.
type pos struct{ start, end int }

// text is a piece of normalized text that knows its place in the original.
type text struct {
	s     string
	at    int    // where the piece begins in the original
	align []pos  // by byte of s; nil: s stands at at as it is
	loose bool   // places are not asked for: align is not kept
	steps *int64 // that searches may still take
}

// slice cuts bytes a to b, which are rune boundaries.
func (t text) slice(a, b int) text {
	out := text{s: t.s[a:b], at: t.at + a, loose: t.loose, steps: t.steps}
	if t.align != nil && a < b {
		out.align = t.align[a:b]
		out.at = out.align[0].start
	}
	return out
}

// pos is the place of byte i: that of the whole character it belongs to.
func (t *text) pos(i int) pos {
	if t.align != nil {
		return t.align[i]
	}
	a, b := i, i+1
	for a > 0 && !utf8.RuneStart(t.s[a]) {
		a--
	}
	for b < len(t.s) && !utf8.RuneStart(t.s[b]) {
		b++
	}
	return pos{t.at + a, t.at + b}
}

// span is the place of bytes a to b.
func (t *text) span(a, b int) pos {
	if a >= b {
		return pos{t.at + a, t.at + a}
	}
	return pos{t.pos(a).start, t.pos(b - 1).end}
}

// rewriter makes the next form of a text, left to right, and keeps places as
// the reference library does.
type rewriter struct {
	t     *text
	out   strings.Builder
	align []pos
	off   int // how much of t.s is spoken for
}

func rewrite(t *text) *rewriter {
	w := &rewriter{t: t}
	w.out.Grow(len(t.s) + 8)
	if !t.loose {
		w.align = make([]pos, 0, len(t.s)+8)
	}
	return w
}

func (w *rewriter) put(r rune, p pos) {
	n, _ := w.out.WriteRune(r)
	if !w.t.loose {
		for range n {
			w.align = append(w.align, p)
		}
	}
}

// replace writes a character for the next size bytes.
func (w *rewriter) replace(r rune, size int) {
	var p pos
	if !w.t.loose {
		p = w.t.pos(w.off)
	}
	w.put(r, p)
	w.off += size
}

// add writes a character that stands for nothing: it gets the place of the
// one before it.
func (w *rewriter) add(r rune) {
	p := pos{w.t.at, w.t.at}
	if w.off > 0 && !w.t.loose {
		p = w.t.pos(w.off - 1)
	}
	w.put(r, p)
}

// putNext writes a character that shares the place of the next one.
func (w *rewriter) putNext(r rune) {
	var p pos
	if !w.t.loose {
		p = w.t.pos(w.off)
	}
	w.put(r, p)
}

// drop leaves out the next n bytes.
func (w *rewriter) drop(n int) { w.off += n }

// copyTo keeps all up to byte i.
func (w *rewriter) copyTo(i int) {
	w.out.WriteString(w.t.s[w.off:i])
	if !w.t.loose {
		for ; w.off < i; w.off++ {
			w.align = append(w.align, w.t.pos(w.off))
		}
	}
	w.off = i
}

func (w *rewriter) done() {
	w.t.s = w.out.String()
	w.t.align = w.align
}

// prepend puts a string before a text that is not empty; it shares the place
// of the first character.
func (t *text) prepend(s string) {
	if t.s == "" || s == "" {
		return
	}
	if !t.loose {
		first := t.pos(0)
		align := make([]pos, 0, len(s)+len(t.s))
		for range len(s) {
			align = append(align, first)
		}
		for i := range len(t.s) {
			align = append(align, t.pos(i))
		}
		t.align = align
	}
	t.s = s + t.s
}

// replaceAll puts another string at every match; it gets the place of the last
// byte that it replaces.
func (t *text) replaceAll(p pattern, with string) error {
	if t.s == "" { // not even a pattern that matches nothing matches here
		return nil
	}
	if lit, ok := p.(literal); ok && t.loose && lit != "" {
		t.s = strings.ReplaceAll(t.s, string(lit), with)
		return nil
	}
	cuts, err := findAll(p, t.s, t.steps)
	if err != nil || len(cuts) == 0 {
		return err
	}
	w := rewrite(t)
	for _, c := range cuts {
		w.copyTo(c.start)
		w.drop(c.end - c.start)
		for _, r := range with {
			w.add(r)
		}
	}
	w.copyTo(len(t.s))
	w.done()
	return nil
}

// valid returns text with each broken sequence of bytes replaced by U+FFFD, as
// Python and Rust do: one for each longest part that could begin a character.
func valid(s string, loose bool) text {
	t := text{s: s, loose: loose}
	if utf8.ValidString(s) {
		return t
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			n = broken(s[i:])
		}
		b.WriteRune(r)
		if !loose {
			for range utf8.RuneLen(r) {
				t.align = append(t.align, pos{i, i + n})
			}
		}
		i += n
	}
	t.s = b.String()
	return t
}

// broken is the length of the longest prefix that could begin a character, at
// least 1 (Unicode 15, section 3.9, "maximal subpart").
func broken(s string) int {
	lo, hi, need := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
	case c >= 0xF0 && c <= 0xF4:
		need = 3
	}
	switch s[0] {
	case 0xE0:
		lo = 0xA0
	case 0xED:
		hi = 0x9F
	case 0xF0:
		lo = 0x90
	case 0xF4:
		hi = 0x8F
	}
	n := 1
	for ; n <= need && n < len(s) && s[n] >= lo && s[n] <= hi; n++ {
		lo, hi = 0x80, 0xBF
	}
	return n
}

// lossy is the text of bytes that may not be UTF-8.
func lossy(b []byte) string { return valid(string(b), true).s }
