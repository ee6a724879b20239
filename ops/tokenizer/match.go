package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/vocab"
)

// meaning is what a token stands for, whatever tokenizer spells it.
type meaning struct {
	text  string // as it stands in a text
	start bool   // begins a word
	role  string // of a special token, such as bos_token
}

// roles are the purposes of special tokens, in the order in which they count.
var roles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// lexicon is a vocabulary by meaning.
type lexicon struct {
	vocab *vocab.Tokenizer
	ids   map[meaning]int
	of    []meaning // by id; empty for ids without tokens
}

// lexiconOf reads what a model's tokens mean. Where two mean the same, the one
// with the lower id counts.
func lexiconOf(h ops.Header) (*lexicon, error) {
	v, err := h.Vocab()
	if err != nil {
		return nil, noVocab(h, err)
	}
	special, err := specialRoles(h)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	l := &lexicon{vocab: v, ids: map[meaning]int{}, of: make([]meaning, v.Size())}
	start, level := v.WordStart(), v.Spelling() == "byte-level"
	for _, t := range v.Tokens() {
		m := meaningOf(t, special, start, level)
		l.of[t.ID] = m
		if _, twice := l.ids[m]; !twice {
			l.ids[m] = t.ID
		}
	}
	return l, nil
}

func meaningOf(t vocab.Token, special map[string]string, start string, level bool) meaning {
	if role := special[t.Text]; role != "" {
		return meaning{text: t.Text, role: role}.anonymous()
	}
	if t.Added != nil && t.Added.Special {
		return meaning{text: t.Text}
	}
	text, begins := t.Text, false
	if start != "" {
		text, begins = strings.CutPrefix(text, start)
	}
	if level {
		text = fromBytes(text)
	}
	return meaning{text: text, start: begins}
}

// anonymous is a special token by its role alone: <s> and <|begin|> mean the same.
func (m meaning) anonymous() meaning { return meaning{role: m.role} }

// specialRoles reads which tokens have which role from the files beside the
// vocabulary; a token with several has the first.
func specialRoles(h ops.Header) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range []string{configFile, "special_tokens_map.json"} {
		text, err := fileOf(h, name)
		if err != nil || text == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		var file map[string]json.RawMessage
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, role := range roles {
			if token := tokenText(file[role]); token != "" && found[token] == "" {
				found[token] = role
			}
		}
	}
	return found, nil
}

// tokenText reads a token: a text, or an object with its content.
func tokenText(raw json.RawMessage) string {
	var text string
	var long struct{ Content string }
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if json.Unmarshal(raw, &long) == nil {
		return long.Content
	}
	return ""
}

// fromBytes turns the visible characters by which byte-level tokenizers write
// bytes into the text of these bytes; what is no such text stays as it is.
func fromBytes(token string) string {
	out := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := byteOf(r)
		if !ok {
			return token
		}
		out = append(out, b)
	}
	if !utf8.Valid(out) {
		return token
	}
	return string(out)
}

// byteOf is the byte that a visible character stands for: printable ASCII and
// Latin-1 for themselves, the others in order from U+0100 on.
func byteOf(r rune) (byte, bool) {
	switch {
	case r >= '!' && r <= '~', r >= '¡' && r <= '¬', r >= '®' && r <= 'ÿ':
		return byte(r), true
	case r >= 0x100 && r < 0x121: // 0x00-0x20
		return byte(r - 0x100), true
	case r >= 0x121 && r < 0x143: // 0x7f-0xa0
		return byte(r - 0x121 + 0x7f), true
	case r == 0x143:
		return 0xad, true
	}
	return 0, false
}

// byteTwin finds the token <0x41> for "A", or "A" for <0x41>.
func (l *lexicon) byteTwin(m meaning) (int, bool) {
	if m.start || m.role != "" {
		return 0, false
	}
	r, n := utf8.DecodeRuneInString(m.text)
	if n > 0 && n == len(m.text) && r < 256 {
		id, ok := l.ids[meaning{text: fmt.Sprintf("<0x%02X>", r)}]
		return id, ok
	}
	var b int
	if _, err := fmt.Sscanf(m.text, "<0x%02X>", &b); err == nil && len(m.text) == 6 {
		id, ok := l.ids[meaning{text: string(rune(b))}]
		return id, ok
	}
	return 0, false
}

// prefix finds the longest token that a token begins with.
func (l *lexicon) prefix(m meaning) (int, bool) {
	if m.role != "" {
		return 0, false
	}
	for text := m.text; ; {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
		if strings.TrimSpace(text) == "" {
			return 0, false
		}
		if id, ok := l.ids[meaning{text: text, start: m.start}]; ok {
			return id, true
		}
	}
}
