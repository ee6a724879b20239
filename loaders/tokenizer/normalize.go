package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer is one step of what a tokenizer does to text before it cuts it.
type normalizer interface{ normalize(t *text) error }

type normalizers []normalizer

func (ns normalizers) normalize(t *text) error {
	for _, n := range ns {
		if err := n.normalize(t); err != nil {
			return err
		}
	}
	return nil
}

// lowercase maps each character to its full lower-case form, whatever stands
// beside it.
type lowercase struct{}

func (lowercase) normalize(t *text) error {
	if t.loose && strings.IndexFunc(t.s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		t.s = strings.ToLower(t.s)
		return nil
	}
	return eachRune(t, func(w *rewriter, r rune, n int) {
		for i, l := range lower(r) {
			if i == 0 {
				w.replace(l, n)
			} else {
				w.add(l)
			}
		}
	})
}

// eachRune rewrites a text character by character.
func eachRune(t *text, f func(w *rewriter, r rune, n int)) error {
	w := rewrite(t)
	for _, r := range t.s {
		f(w, r, utf8.RuneLen(r))
	}
	w.done()
	return nil
}

// filter drops the characters for which it says no.
type filter func(rune) bool

func (keep filter) normalize(t *text) error {
	if strings.IndexFunc(t.s, func(r rune) bool { return !keep(r) }) < 0 {
		return nil
	}
	if t.loose {
		t.s = strings.Map(func(r rune) rune {
			if keep(r) {
				return r
			}
			return -1
		}, t.s)
		return nil
	}
	return eachRune(t, func(w *rewriter, r rune, n int) {
		if keep(r) {
			w.replace(r, n)
		} else {
			w.drop(n)
		}
	})
}

// mapping replaces single characters.
type mapping func(rune) rune

func (m mapping) normalize(t *text) error {
	if t.loose {
		t.s = strings.Map(m, t.s)
		return nil
	}
	return eachRune(t, func(w *rewriter, r rune, n int) { w.replace(m(r), n) })
}

type strip struct{ left, right bool }

func (n strip) normalize(t *text) error {
	s := t.s
	if n.right {
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	}
	from := 0
	if n.left {
		from = len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
	}
	if from == 0 && len(s) == len(t.s) {
		return nil
	}
	w := rewrite(t)
	w.drop(from)
	w.copyTo(len(s))
	w.done()
	return nil
}

type prepend string

func (n prepend) normalize(t *text) error {
	t.prepend(string(n))
	return nil
}

type replace struct {
	pattern pattern
	with    string
}

func (n replace) normalize(t *text) error { return t.replaceAll(n.pattern, n.with) }

// byteChars writes every byte as the printable character that stands for it.
type byteChars struct{}

func (byteChars) normalize(t *text) error {
	w := rewrite(t)
	for i, r := range t.s {
		n := utf8.RuneLen(r)
		for k := range n {
			if c := byteToChar[t.s[i+k]]; k == 0 {
				w.replace(c, n)
			} else {
				w.add(c)
			}
		}
	}
	w.done()
	return nil
}

// nmt is the cleaning of sentencepiece's nmt rules.
var nmt = normalizers{
	filter(func(r rune) bool {
		switch {
		case r >= 1 && r <= 8, r == 0xB, r >= 0xE && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
			return false
		}
		return true
	}),
	mapping(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, r >= 0x200B && r <= 0x200F, r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			return ' '
		}
		return r
	}),
}

// bert is the cleaning of the original BERT code.
func bert(clean, ideographs, accents, lowered bool) normalizers {
	var out normalizers
	if clean {
		out = append(out, filter(func(r rune) bool { return r != 0 && r != utf8.RuneError && !isControl(r) }), mapping(func(r rune) rune {
			if unicode.IsSpace(r) {
				return ' '
			}
			return r
		}))
	}
	if ideographs {
		out = append(out, spaceIdeographs{})
	}
	if accents {
		out = append(out, unicodeForm{norm.NFD}, filter(func(r rune) bool { return !isNonspacing(r) }))
	}
	if lowered {
		out = append(out, lowercase{})
	}
	return out
}

// spaceIdeographs puts spaces around them.
type spaceIdeographs struct{}

func (spaceIdeographs) normalize(t *text) error {
	if strings.IndexFunc(t.s, isIdeograph) < 0 {
		return nil
	}
	return eachRune(t, func(w *rewriter, r rune, n int) {
		if !isIdeograph(r) {
			w.replace(r, n)
			return
		}
		w.replace(' ', n)
		w.add(r)
		w.add(' ')
	})
}
