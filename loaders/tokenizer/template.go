package tokenizer

import (
	"maps"
	"slices"
	"strings"
)

// Template returns a chat template by name, "" being the default one; package
// chat renders it. Its result is encoded with Parse and without Add.
func (t *Tokenizer) Template(name string) (string, bool) {
	if name == "" {
		name = "default"
	}
	s, ok := t.config.templates[name]
	return s, ok
}

// Templates lists the names of the chat templates, in order.
func (t *Tokenizer) Templates() []string {
	return slices.Sorted(maps.Keys(t.config.templates))
}

// Forged returns an added token that stands in a text and that a template writes
// itself, such as the one that begins a turn; "" if there is none. Such tokens
// need not be special.
func (t *Tokenizer) Forged(text, template string) string {
	for _, id := range t.added.order {
		s := t.added.tokens[id].Content
		if strings.TrimSpace(s) != "" && strings.Contains(text, s) && strings.Contains(template, s) {
			return s
		}
	}
	return ""
}

// Tokens are the special tokens that a template sees: bos_token, eos_token and
// so on.
func (t *Tokenizer) Tokens() map[string]string {
	out := map[string]string{}
	for role, s := range t.config.named {
		out[role+"_token"] = s
	}
	return out
}
