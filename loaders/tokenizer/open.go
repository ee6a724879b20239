package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/tensor"
)

// maxSmall bounds configuration files and templates.
const maxSmall = 16 << 20

// ErrNone is the root of the error for a model that carries no tokenizer.
var ErrNone = errors.New("the model carries no tokenizer: put tokenizer.json or tokenizer.model beside its weights")

// Open makes the tokenizer of the files that ride along with a model:
// tokenizer.json, or where that is absent the vocabulary of a GGUF file or a
// sentencepiece model, with tokenizer_config.json, chat templates and what
// generation_config.json says of the end of a text.
func Open(files []tensor.File) (*Tokenizer, error) {
	byName := map[string]tensor.File{}
	for _, f := range files {
		byName[f.Name] = f
	}
	t, err := openVocabulary(byName)
	if err != nil {
		return nil, err
	}
	if err := t.configure(byName); err != nil {
		return nil, err
	}
	return t, nil
}

func openVocabulary(files map[string]tensor.File) (*Tokenizer, error) {
	if f, ok := files["tokenizer.json"]; ok {
		data, err := f.Read(maxFile)
		if err != nil {
			return nil, err
		}
		return Parse(data)
	}
	if f, ok := files[gguf.VocabularyName]; ok {
		data, err := f.Read(maxFile)
		if err != nil {
			return nil, err
		}
		t, err := parseGGUF(data)
		if err != nil {
			return nil, fmt.Errorf("the vocabulary of the GGUF file: %w", err)
		}
		return t, nil
	}
	for _, name := range []string{"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"} {
		if f, ok := files[name]; ok {
			data, err := f.Read(maxFile)
			if err != nil {
				return nil, err
			}
			t, err := ParseSentencePiece(data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return t, nil
		}
	}
	return nil, ErrNone
}

// config is what stands beside the vocabulary.
type config struct {
	named     map[string]string // "bos" -> "<s>"
	templates map[string]string // chat templates by name; "default"
	ends      []int32           // that generation_config.json names, or a GGUF file as ends of a turn
}

// roles are the tokens that configuration files name.
var roles = []string{"bos", "eos", "unk", "pad", "cls", "sep", "mask"}

// configure reads tokenizer_config.json, special_tokens_map.json,
// generation_config.json and templates.
func (t *Tokenizer) configure(files map[string]tensor.File) error {
	if t.config.named == nil {
		t.config.named = map[string]string{}
	}
	if t.config.templates == nil { // those of a GGUF file stay
		t.config.templates = map[string]string{}
	}
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} {
		f, ok := files[name]
		if !ok {
			continue
		}
		if err := t.readConfig(f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if f, ok := files["generation_config.json"]; ok {
		if err := t.readEnds(f); err != nil {
			return err
		}
	}
	t.hold()
	for name, f := range files {
		dir, base := path.Split(name)
		key, ok := templateName(dir, base)
		if !ok {
			continue
		}
		data, err := f.Read(maxSmall)
		if err != nil {
			return err
		}
		t.config.templates[key] = string(data)
	}
	return nil
}

func templateName(dir, base string) (string, bool) {
	switch {
	case dir == "" && base == "chat_template.jinja":
		return "default", true
	case dir == "additional_chat_templates/" && path.Ext(base) == ".jinja":
		return base[:len(base)-len(".jinja")], true
	}
	return "", false
}

func (t *Tokenizer) readConfig(f tensor.File) error {
	data, err := f.Read(maxSmall)
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for _, role := range roles {
		if s, ok := tokenText(fields[role+"_token"]); ok {
			t.config.named[role] = s
		}
	}
	if err := t.readTemplates(fields["chat_template"]); err != nil {
		return err
	}
	p := &part{path: f.Name, fields: fields}
	if p.has("add_bos_token") || p.has("add_eos_token") {
		t.setAffixes(get(p, "add_bos_token", false), get(p, "add_eos_token", false))
		t.digest += fmt.Sprintf("+%t %q+%t %q", get(p, "add_bos_token", false), t.config.named["bos"], get(p, "add_eos_token", false), t.config.named["eos"])
	}
	return p.err
}

// tokenText reads "<s>" or {"content": "<s>", ...}.
func tokenText(raw json.RawMessage) (string, bool) {
	var s string
	var object struct{ Content string }
	switch {
	case len(raw) == 0:
	case json.Unmarshal(raw, &s) == nil:
		return s, s != ""
	case json.Unmarshal(raw, &object) == nil:
		return object.Content, object.Content != ""
	}
	return "", false
}

func (t *Tokenizer) readTemplates(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var one string
	var many []struct{ Name, Template string }
	if json.Unmarshal(raw, &one) == nil {
		t.config.templates["default"] = one
		return nil
	}
	if err := json.Unmarshal(raw, &many); err != nil {
		return errors.New("chat_template is neither a string nor a list of names and templates")
	}
	for _, m := range many {
		t.config.templates[m.Name] = m.Template
	}
	return nil
}

// setAffixes replaces the post-processor by one that puts BOS before and EOS
// after each text, as transformers does where the configuration says so.
func (t *Tokenizer) setAffixes(bos, eos bool) {
	side := func(want bool, role string, kind int32) []item {
		id, ok := t.Named(role)
		if !want || !ok {
			return nil
		}
		return []item{{special: &special{t.config.named[role], []int32{id}}, kind: kind}}
	}
	one := func(seq int) []item {
		out := append(side(bos, "bos", int32(seq)), item{seq: seq, kind: int32(seq)})
		return append(out, side(eos, "eos", int32(seq))...)
	}
	t.post = []postprocessor{template{one(0), append(one(0), one(1)...)}}
}

// Named returns the id of the token that the configuration names for a role:
// bos, eos, unk, pad, cls, sep or mask.
func (t *Tokenizer) Named(role string) (int32, bool) {
	s, ok := t.config.named[role]
	if !ok {
		return 0, false
	}
	return t.ID(s)
}
