package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/tensor"
)

// vocabulary is a byte-level vocabulary as a GGUF file holds it.
func vocabulary(t *testing.T, change func(*gguf.Metadata)) []tensor.File {
	t.Helper()
	var m gguf.Metadata
	m.Set("general.type", "vocab")
	m.Set("tokenizer.ggml.model", "gpt2")
	m.Set("tokenizer.ggml.pre", "gpt-2")
	m.Set("tokenizer.ggml.tokens", []string{"a", "b", "ab", "Ġ", "<s>", "</s>"})
	m.Set("tokenizer.ggml.token_type", []int64{1, 1, 1, 1, 3, 3})
	m.Set("tokenizer.ggml.merges", []string{"a b"})
	m.Set("tokenizer.ggml.bos_token_id", uint64(4))
	m.Set("tokenizer.ggml.eos_token_id", uint64(5))
	m.Set("tokenizer.ggml.unknown_token_id", uint64(0xffffffff)) // none
	m.Set("tokenizer.ggml.add_bos_token", true)
	m.Set("tokenizer.chat_template", "plain")
	m.Set("tokenizer.chat_template.tool_use", "tools")
	if change != nil {
		change(&m)
	}
	data, err := gguf.AppendHeader(nil, &m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return []tensor.File{{Name: gguf.VocabularyName, Data: data}}
}

func TestGGUFFile(t *testing.T) {
	k, err := Open(vocabulary(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := k.Encode("ab a<s>", Options{Add: true, Parse: true}); err != nil || !slices.Equal(ids, []int32{4, 2, 3, 0, 4}) {
		t.Errorf("%v, %v", ids, err)
	}
	if id, ok := k.Named("eos"); !ok || id != 5 {
		t.Errorf("eos is %d", id)
	}
	if _, ok := k.Named("unk"); ok {
		t.Error("there is an unknown token")
	}
	for name, want := range map[string]string{"": "plain", "tool_use": "tools"} {
		if got, ok := k.Template(name); !ok || got != want {
			t.Errorf("template %q is %q", name, got)
		}
	}
	for want, change := range map[string]func(*gguf.Metadata){
		"no tokens":                     func(m *gguf.Metadata) { m.Set("tokenizer.ggml.tokens", "none") },
		"kind \"rwkv\"":                 func(m *gguf.Metadata) { m.Set("tokenizer.ggml.model", "rwkv") },
		"token_type holds -1":           func(m *gguf.Metadata) { m.Set("tokenizer.ggml.token_type", []int64{-1}) },
		"6 tokens, but 2 types":         func(m *gguf.Metadata) { m.Set("tokenizer.ggml.token_type", []int64{1, 1}) },
		"the eos token is 9, and there": func(m *gguf.Metadata) { m.Set("tokenizer.ggml.eos_token_id", uint64(9)) },
	} {
		if _, err := Open(vocabulary(t, change)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "GGUF") {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestTurnEnds: a GGUF file names the end of a turn beside that of a text.
func TestTurnEnds(t *testing.T) {
	k, err := Open(vocabulary(t, func(m *gguf.Metadata) {
		m.Set("tokenizer.ggml.eot_token_id", uint64(4))
		m.Set("tokenizer.ggml.eom_token_id", uint64(99)) // none that there is
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Ends(); !slices.Equal(got, []int32{5, 4}) {
		t.Errorf("%v", got)
	}
}
