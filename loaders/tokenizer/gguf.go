package tokenizer

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/rouxml/roux/loaders/gguf"
)

// parseGGUF makes the tokenizer of a GGUF file that holds a vocabulary, as one
// rides along with the weights of a GGUF model.
func parseGGUF(data []byte) (*Tokenizer, error) {
	h, err := gguf.ReadHeader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	v, err := vocabOf(&h.Metadata)
	if err != nil {
		return nil, err
	}
	t, err := FromVocab(v)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"eot", "eom"} { // of a turn, of a message
		if id, ok := h.Metadata.Int("tokenizer.ggml." + key + "_token_id"); ok && id >= 0 && id < int64(len(v.Tokens)) {
			t.config.ends = append(t.config.ends, int32(id))
		}
	}
	return t, nil
}

// roleKeys are the keys of special tokens, in ggml's spelling.
var roleKeys = map[string]string{
	"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding", "mask": "mask", "cls": "cls",
	"sep": "seperator", //nolint:misspell // as files have it
}

// vocabOf reads the keys below tokenizer.
func vocabOf(m *gguf.Metadata) (Vocab, error) {
	const in = "tokenizer.ggml."
	v := Vocab{Kind: m.Text(in + "model"), Pre: m.Text(in + "pre"), Tokens: m.Texts(in + "tokens"), Merges: m.Texts(in + "merges"),
		Special: map[string]int32{}, Templates: templatesOf(m)}
	for _, s := range m.Floats(in + "scores") {
		v.Scores = append(v.Scores, float32(s))
	}
	for _, t := range m.Ints(in + "token_type") {
		if t < 0 || t > math.MaxInt32 {
			return v, fmt.Errorf("%stoken_type holds %d", in, t)
		}
		v.Types = append(v.Types, int32(t))
	}
	for _, b := range m.Ints(in + "precompiled_charsmap") {
		v.CharsMap = append(v.CharsMap, byte(b))
	}
	for role, key := range roleKeys {
		id, ok := m.Int(in + key + "_token_id")
		if ok && id >= 0 && id <= math.MaxInt32 { // -1, or 2^32-1, says that there is none
			v.Special[role] = int32(id)
		}
	}
	for key, to := range map[string]**bool{"add_bos_token": &v.AddBOS, "add_eos_token": &v.AddEOS, "add_space_prefix": &v.AddSpacePrefix,
		"remove_extra_whitespaces": &v.RemoveExtraSpaces} {
		if b, ok := m.Bool(in + key); ok {
			*to = &b
		}
	}
	return v, nil
}

func templatesOf(m *gguf.Metadata) map[string]string {
	const key = "tokenizer.chat_template"
	all := map[string]string{}
	for _, k := range m.Keys() {
		name, ok := strings.CutPrefix(k, key)
		if text := m.Text(k); ok && text != "" {
			if name = strings.TrimPrefix(name, "."); name == "" {
				name = "default"
			}
			all[name] = text
		}
	}
	return all
}
