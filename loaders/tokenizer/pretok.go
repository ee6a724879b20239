package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pretokenizer cuts a piece into smaller ones, which it appends to dst. Empty
// pieces are left out.
type pretokenizer interface {
	split(dst []text, t text) ([]text, error)
}

// byteLevel writes bytes as printable characters, after GPT-2's split if it is
// to. When it comes last before a model that knows bytes, the pieces stay as
// they are (see Tokenizer.bytes).
type byteLevel struct {
	prefixSpace, words, keepBytes bool
}

func (p byteLevel) split(dst []text, t text) ([]text, error) {
	if p.prefixSpace && !strings.HasPrefix(t.s, " ") {
		t.prepend(" ")
	}
	from := len(dst)
	if p.words {
		var err error
		if dst, err = (splitter{pattern: matcher(matchGPT2), how: isolated}).split(dst, t); err != nil {
			return dst, err
		}
	} else if t.s != "" {
		dst = append(dst, t)
	}
	if !p.keepBytes {
		for i := from; i < len(dst); i++ {
			if err := (byteChars{}).normalize(&dst[i]); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// metaspace writes spaces as a visible character and splits before each.
type metaspace struct {
	mark    string
	prepend string // always, first or never
	cut     bool
}

func (p metaspace) split(dst []text, t text) ([]text, error) {
	if err := t.replaceAll(literal(" "), p.mark); err != nil {
		return dst, err
	}
	if !strings.HasPrefix(t.s, p.mark) && (p.prepend == "always" || p.prepend == "first" && t.at == 0) {
		t.prepend(p.mark)
	}
	if !p.cut {
		if t.s != "" {
			dst = append(dst, t)
		}
		return dst, nil
	}
	for start := 0; start < len(t.s); {
		end := len(t.s)
		if i := strings.Index(t.s[start+1:], p.mark); i >= 0 {
			end = start + 1 + i
		}
		dst = append(dst, t.slice(start, end))
		start = end
	}
	return dst, nil
}

// stages split one after the other.
type stages []pretokenizer

func (ps stages) split(dst []text, t text) ([]text, error) {
	in := []text{t}
	for _, p := range ps {
		var out []text
		for _, t := range in {
			var err error
			if out, err = p.split(out, t); err != nil {
				return dst, err
			}
		}
		in = out
	}
	return append(dst, in...), nil
}

func bertWords() stages {
	return stages{splitter{pattern: class(unicode.IsSpace), how: removed}, splitter{pattern: class(isPunct), how: isolated}}
}

// wordRuns are runs of word characters and runs of what is neither that nor
// white space.
func wordRuns() splitter {
	return splitter{how: removed, invert: true, pattern: runs(func(r rune) int {
		switch {
		case isWordChar(r):
			return 1
		case unicode.IsSpace(r):
			return 0
		}
		return 2
	})}
}

// fixedLength cuts after every so many characters.
type fixedLength int

func (p fixedLength) split(dst []text, t text) ([]text, error) {
	for start := 0; start < len(t.s); {
		end := start
		for n := 0; n < int(p) && end < len(t.s); n++ {
			_, size := utf8.DecodeRuneInString(t.s[end:])
			end += size
		}
		dst = append(dst, t.slice(start, end))
		start = end
	}
	return dst, nil
}

// scripts cuts where the script of writing changes. As in the reference, what
// stands before the first character that has one is lost.
type scripts struct{}

func (scripts) split(dst []text, t text) ([]text, error) {
	start, last := -1, ""
	for i, r := range t.s {
		s := scriptOf(r)
		if s == "" {
			continue
		}
		if start >= 0 && s != last {
			dst = append(dst, t.slice(start, i))
		}
		if s != last {
			start = i
		}
		last = s
	}
	if start >= 0 {
		dst = append(dst, t.slice(start, len(t.s)))
	}
	return dst, nil
}

// scriptOf is a character's script; "" for those that go with any. Chinese and
// Japanese are one.
func scriptOf(r rune) string {
	switch {
	case r == 0x30FC:
		return "Han"
	case r == ' ', unicode.Is(noScript, r):
		return ""
	case r == 0x589, r == 0x61C: // since then Armenian and Arabic
		return "Common"
	case r == 0x953, r == 0x954: // since then inherited
		return "Devanagari"
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			if name == "Hiragana" || name == "Katakana" {
				return "Han"
			}
			return name
		}
	}
	return ""
}
