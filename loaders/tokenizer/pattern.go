package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// pattern finds its matches in a piece, left to right, without overlap.
type pattern interface {
	// each calls f for each match. It takes its steps from those that are left
	// for the text; patterns that need no more than a few for each byte take none.
	each(s string, steps *int64, f func(a, b int)) error
}

// findAll lists the matches of a pattern.
func findAll(p pattern, s string, steps *int64) ([]cut, error) {
	var out []cut
	err := p.each(s, steps, func(a, b int) { out = append(out, cut{a, b}) })
	return out, err
}

// literal matches itself; when empty, nothing.
type literal string

func (p literal) each(s string, _ *int64, f func(a, b int)) error {
	for done := 0; p != ""; {
		i := strings.Index(s[done:], string(p))
		if i < 0 {
			return nil
		}
		f(done+i, done+i+len(p))
		done += i + len(p)
	}
	return nil
}

// class matches each single character for which it says yes.
type class func(rune) bool

func (p class) each(s string, _ *int64, f func(a, b int)) error {
	for i, r := range s {
		if p(r) {
			f(i, i+utf8.RuneLen(r))
		}
	}
	return nil
}

// runs matches the longest runs of characters of one kind, 0 being none.
type runs func(rune) int

func (p runs) each(s string, _ *int64, f func(a, b int)) error {
	start, kind := 0, 0
	for i, r := range s {
		if k := p(r); k != kind {
			if kind != 0 {
				f(start, i)
			}
			start, kind = i, k
		}
	}
	if kind != 0 {
		f(start, len(s))
	}
	return nil
}

// matcher is a hand-written pattern: it returns the end of the match that
// begins at byte i, or i if none does.
type matcher func(s string, i int) int

func (p matcher) each(s string, _ *int64, f func(a, b int)) error {
	for i := 0; i < len(s); {
		if j := p(s, i); j > i {
			f(i, j)
			i = j
			continue
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return nil
}

// compile takes a pattern as tokenizer files hold it, in Oniguruma's syntax.
// The patterns of well-known tokenizers have matchers written by hand.
func compile(expr string) (pattern, error) {
	if m := wellKnown(expr); m != nil {
		return m, nil
	}
	return compileRegex(expr)
}
