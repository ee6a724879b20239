package tokenizer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder is one step from tokens back to text.
type decoder func(tokens []string) []string

// parseDecoders reads a decoder as the list of its steps.
func parseDecoders(path string, raw json.RawMessage, depth int) ([]decoder, error) {
	p, err := newPart(path, raw, func(has func(...string) bool) string {
		switch {
		case has("decoders"):
			return "Sequence"
		case has("suffix"):
			return "BPEDecoder"
		case has("prefix", "cleanup"):
			return "WordPiece"
		case has("pad_token", "word_delimiter_token"):
			return "CTC"
		case has("pattern", "content"):
			return "Replace"
		case has("content", "start", "stop"):
			return "Strip"
		}
		return ""
	})
	if p == nil || err != nil {
		return nil, err
	}
	if p.kind != "Sequence" {
		d, err := p.decoder()
		if err == nil {
			err = p.err
		}
		return []decoder{d}, err
	}
	raws, err := p.list("decoders")
	if depth > maxDepth {
		err = errDeep
	}
	var out []decoder
	for i, raw := range raws {
		if err != nil {
			break
		}
		var more []decoder
		more, err = parseDecoders(fmt.Sprintf("%s.decoders[%d]", path, i), raw, depth+1)
		out = append(out, more...)
	}
	return out, err
}

func (p *part) decoder() (decoder, error) {
	switch p.kind {
	case "ByteLevel":
		return decodeBytes, nil
	case "ByteFallback":
		return decodeFallback, nil
	case "Fuse":
		return func(tokens []string) []string { return []string{strings.Join(tokens, "")} }, nil
	case "Metaspace":
		m, err := p.metaspace()
		return m.decode, err
	case "WordPiece":
		return decodeWordPiece(get(p, "prefix", "##"), get(p, "cleanup", true)), nil
	case "BPEDecoder":
		return decodeSuffix(get(p, "suffix", "</w>")), nil
	case "CTC":
		return decodeCTC(get(p, "pad_token", "<pad>"), get(p, "word_delimiter_token", "|"), get(p, "cleanup", true)), nil
	case "Replace":
		return decodeReplace(p.pattern("pattern"), get(p, "content", "")), nil
	case "Strip":
		return decodeStrip(p.char("content", " "), get(p, "start", 0), get(p, "stop", 0)), nil
	}
	return nil, p.unknown("decoder")
}

// each makes a decoder of a function of single tokens and their index.
func each(f func(i int, token string) string) decoder {
	return func(tokens []string) []string {
		for i, t := range tokens {
			tokens[i] = f(i, t)
		}
		return tokens
	}
}

// decodeBytes turns characters that stand for bytes back; a token with any
// other character is taken as it is.
func decodeBytes(tokens []string) []string {
	var out []byte
	for _, t := range tokens {
		b, ok := appendBytes(out, t)
		if !ok {
			b = append(out, t...)
		}
		out = b
	}
	return []string{lossy(out)}
}

// decodeFallback joins runs of <0x..>: their text if it is UTF-8, else U+FFFD
// for each byte.
func decodeFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if len(t) == 6 && strings.HasPrefix(t, "<0x") && t[5] == '>' {
			if b, err := strconv.ParseUint(t[3:5], 16, 8); err == nil {
				run = append(run, byte(b))
				continue
			}
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

func (p metaspace) decode(tokens []string) []string {
	return each(func(i int, t string) string {
		if i == 0 && p.prepend != "never" {
			return strings.ReplaceAll(t, p.mark, "")
		}
		return strings.ReplaceAll(t, p.mark, " ")
	})(tokens)
}

// cleanUp undoes the spaces that splitting put before English punctuation.
func cleanUp(s string) string {
	for _, x := range [][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
		{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		s = strings.ReplaceAll(s, x[0], x[1])
	}
	return s
}

func decodeWordPiece(prefix string, clean bool) decoder {
	return each(func(i int, t string) string {
		if i > 0 {
			if rest, ok := strings.CutPrefix(t, prefix); ok {
				t = rest
			} else {
				t = " " + t
			}
		}
		if clean {
			t = cleanUp(t)
		}
		return t
	})
}

func decodeSuffix(suffix string) decoder {
	return func(tokens []string) []string {
		for i, t := range tokens {
			with := " "
			if i == len(tokens)-1 {
				with = ""
			}
			tokens[i] = strings.ReplaceAll(t, suffix, with)
		}
		return tokens
	}
}

// decodeCTC drops repeated tokens and padding.
func decodeCTC(pad, space string, clean bool) decoder {
	return func(tokens []string) []string {
		var out []string
		for i, t := range tokens {
			if i > 0 && t == tokens[i-1] {
				continue
			}
			t = strings.ReplaceAll(t, pad, "")
			if clean {
				t = strings.ReplaceAll(cleanUp(t), space, " ")
			}
			if t != "" {
				out = append(out, t)
			}
		}
		return out
	}
}

// decodeReplace leaves a token as it is when its pattern runs out of steps.
func decodeReplace(p pattern, with string) decoder {
	return func(tokens []string) []string {
		n := 0
		for _, t := range tokens {
			n += len(t)
		}
		steps := searchSteps(n)
		return each(func(_ int, t string) string {
			x := text{s: t, loose: true, steps: &steps}
			if x.replaceAll(p, with) != nil {
				return t
			}
			return x.s
		})(tokens)
	}
}

func decodeStrip(char string, start, stop int) decoder {
	return each(func(_ int, t string) string {
		for n := 0; n < start && strings.HasPrefix(t, char); n++ {
			t = t[len(char):]
		}
		for n := 0; n < stop && strings.HasSuffix(t, char); n++ {
			t = t[:len(t)-len(char)]
		}
		return t
	})
}
