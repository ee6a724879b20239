package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unicodeForm is a Unicode normalization form.
type unicodeForm struct{ form norm.Form }

func (f unicodeForm) normalize(t *text) error {
	if f.form.IsNormalString(t.s) {
		return nil
	}
	if t.loose {
		t.s = f.plain(t.s)
		return nil
	}
	w := rewrite(t)
	chars := f.decompose(t.s)
	if f.form == norm.NFC || f.form == norm.NFKC {
		chars = compose(chars)
	}
	for _, c := range chars {
		f.write(w, c)
	}
	w.done()
	return nil
}

// keeps says which characters the reference neither decomposes nor moves.
func (f unicodeForm) keeps(r rune) bool {
	if r < 0x300 {
		return false
	}
	return unicode.Is(noClass, r) || unicode.Is(noCompat, r) && (f.form == norm.NFKC || f.form == norm.NFKD || r == 0x11938)
}

// plain is the form of a string, without the characters that the reference's
// older tables do not know.
func (f unicodeForm) plain(s string) string {
	out, done := []byte(nil), 0
	for i, r := range s {
		if f.keeps(r) {
			out = append(out, f.form.String(s[done:i])...)
			done = i + utf8.RuneLen(r)
			out = append(out, s[i:done]...)
		}
	}
	if done == 0 {
		return f.form.String(s)
	}
	return string(out) + f.form.String(s[done:])
}

// change is a character of the new form: it replaces a character of the old
// form (0), is added to it (above 0), or also stands for as many more (below).
type change struct {
	r     rune
	n     int
	class uint8 // canonical combining class
}

func (f unicodeForm) write(w *rewriter, c change) {
	if c.n > 0 {
		w.add(c.r)
		return
	}
	rest := w.t.s[w.off:]
	if rest == "" { // cannot be: there is one old character for each
		w.add(c.r)
		return
	}
	_, n := utf8.DecodeRuneInString(rest)
	w.replace(c.r, n)
	for ; c.n < 0 && w.off < len(w.t.s); c.n++ {
		_, n := utf8.DecodeRuneInString(w.t.s[w.off:])
		w.drop(n)
	}
}

// decompose is the decomposition with marks in canonical order.
func (f unicodeForm) decompose(s string) []change {
	form := norm.NFD
	if f.form == norm.NFKC || f.form == norm.NFKD {
		form = norm.NFKD
	}
	var out []change
	for _, r := range s {
		d := string(r)
		if !f.keeps(r) {
			d = form.String(d)
		}
		for i, c := range d {
			n := 1
			if i == 0 {
				n = 0
			}
			class := norm.NFD.PropertiesString(string(c)).CCC()
			if f.keeps(c) {
				class = 0
			}
			out = append(out, change{c, n, class})
			for k := len(out) - 1; k > 0 && class != 0 && out[k-1].class > class; k-- {
				out[k-1], out[k] = out[k], out[k-1]
			}
		}
	}
	return out
}

// compose joins each starter with the marks that have a composed form.
func compose(in []change) []change {
	var out []change
	starter, last := -1, uint8(0) // the class of the last mark kept after the starter
	for _, c := range in {
		if starter >= 0 && (len(out)-1 == starter || last != 0 && last < c.class) {
			if r, ok := composed(out[starter].r, c.r); ok {
				out[starter].r = r
				out[starter].n += c.n - 1
				continue
			}
		}
		out = append(out, c)
		last = c.class
		if c.class == 0 {
			starter = len(out) - 1
		}
	}
	return out
}

func composed(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
