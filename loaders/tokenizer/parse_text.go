package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// parseNormalizer reads a normalizer; nil for none.
func parseNormalizer(path string, raw json.RawMessage, depth int) (normalizer, error) {
	p, err := newPart(path, raw, func(has func(...string) bool) string {
		switch {
		case has("clean_text", "handle_chinese_chars"):
			return "BertNormalizer"
		case has("strip_left", "strip_right"):
			return "Strip"
		case has("normalizers"):
			return "Sequence"
		case has("precompiled_charsmap"):
			return "Precompiled"
		case has("pattern", "content"):
			return "Replace"
		case has("prepend"):
			return "Prepend"
		}
		return ""
	})
	if p == nil || err != nil {
		return nil, err
	}
	if p.kind == "Sequence" {
		return parseNormalizers(p, depth)
	}
	n, err := p.normalizer()
	if err == nil {
		err = p.err
	}
	return n, err
}

func parseNormalizers(p *part, depth int) (normalizer, error) {
	raws, err := p.list("normalizers")
	if depth > maxDepth {
		err = errDeep
	}
	out := normalizers{}
	for i, raw := range raws {
		if err != nil {
			break
		}
		var n normalizer
		if n, err = parseNormalizer(fmt.Sprintf("%s.normalizers[%d]", p.path, i), raw, depth+1); n != nil {
			out = append(out, n)
		}
	}
	return out, err
}

func (p *part) normalizer() (normalizer, error) {
	switch p.kind {
	case "NFC":
		return unicodeForm{norm.NFC}, nil
	case "NFD":
		return unicodeForm{norm.NFD}, nil
	case "NFKC":
		return unicodeForm{norm.NFKC}, nil
	case "NFKD":
		return unicodeForm{norm.NFKD}, nil
	case "Lowercase":
		return lowercase{}, nil
	case "StripAccents":
		return filter(func(r rune) bool { return !isCombining(r) }), nil
	case "Strip":
		return strip{get(p, "strip_left", true), get(p, "strip_right", true)}, nil
	case "Prepend":
		return prepend(get(p, "prepend", "")), nil
	case "Replace":
		return replace{p.pattern("pattern"), get(p, "content", "")}, nil
	case "Nmt":
		return nmt, nil
	case "ByteLevel":
		return byteChars{}, nil
	case "BertNormalizer":
		lowered := get(p, "lowercase", true)
		return bert(get(p, "clean_text", true), get(p, "handle_chinese_chars", true), get(p, "strip_accents", lowered), lowered), nil
	case "Precompiled":
		m, err := newCharsmap(get(p, "precompiled_charsmap", []byte(nil)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
		return m, nil
	}
	return nil, p.unknown("normalizer")
}

// parsePretokenizers reads a pre-tokenizer as the list of its stages.
func parsePretokenizers(path string, raw json.RawMessage, depth int) (stages, error) {
	p, err := newPart(path, raw, func(has func(...string) bool) string {
		if has("pretokenizers") {
			return "Sequence"
		}
		return ""
	})
	if p == nil || err != nil {
		return nil, err
	}
	if p.kind != "Sequence" {
		one, err := p.pretokenizer()
		if err == nil {
			err = p.err
		}
		return stages{one}, err
	}
	raws, err := p.list("pretokenizers")
	if depth > maxDepth {
		err = errDeep
	}
	var out stages
	for i, raw := range raws {
		if err != nil {
			break
		}
		var more stages
		more, err = parsePretokenizers(fmt.Sprintf("%s.pretokenizers[%d]", path, i), raw, depth+1)
		out = append(out, more...)
	}
	return out, err
}

func (p *part) pretokenizer() (pretokenizer, error) {
	switch p.kind {
	case "ByteLevel":
		return byteLevel{prefixSpace: get(p, "add_prefix_space", true), words: get(p, "use_regex", true)}, nil
	case "Split":
		how, err := behaviorOf(get(p, "behavior", "Isolated"))
		return splitter{p.pattern("pattern"), how, get(p, "invert", false)}, err
	case "Metaspace":
		return p.metaspace()
	case "Digits":
		if get(p, "individual_digits", false) {
			return splitter{pattern: class(isNumeric), how: isolated}, nil
		}
		return splitter{pattern: class(isNumeric), how: contiguous}, nil
	case "Punctuation":
		how, err := behaviorOf(get(p, "behavior", "Isolated"))
		return splitter{pattern: class(isPunct), how: how}, err
	case "BertPreTokenizer":
		return bertWords(), nil
	case "Whitespace":
		return wordRuns(), nil
	case "WhitespaceSplit":
		return bertWords()[0], nil
	case "Delimiter", "CharDelimiterSplit":
		return splitter{pattern: literal(p.char("delimiter", "")), how: removed}, nil
	case "UnicodeScripts":
		return scripts{}, nil
	case "FixedLength":
		n := get(p, "length", 5)
		if n < 1 {
			return nil, fmt.Errorf("%s.length is %d: it must be at least 1", p.path, n)
		}
		return fixedLength(n), nil
	}
	return nil, p.unknown("pre-tokenizer")
}

// char reads a field of one character.
func (p *part) char(name, def string) string {
	s := get(p, name, def)
	if p.err == nil && utf8.RuneCountInString(s) != 1 {
		p.err = fmt.Errorf("%s.%s is %q: it must be one character", p.path, name, s)
	}
	return s
}

func (p *part) metaspace() (metaspace, error) {
	m := metaspace{mark: p.char("replacement", "▁"), prepend: get(p, "prepend_scheme", "always"), cut: get(p, "split", true)}
	if !get(p, "add_prefix_space", true) {
		if m.prepend != "never" && p.has("prepend_scheme") {
			return m, fmt.Errorf("%s has add_prefix_space false and prepend_scheme %q, which say opposite things: remove the first", p.path, m.prepend)
		}
		m.prepend = "never"
	}
	switch m.prepend {
	case "always", "first", "never":
		return m, nil
	}
	return m, fmt.Errorf("%s.prepend_scheme is %q: it must be always, first or never", p.path, m.prepend)
}
