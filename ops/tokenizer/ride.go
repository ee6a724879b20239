package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
	"github.com/rouxml/roux/tensor/vocab"
)

// alignRide gives the model the tokenizer files of the shared vocabulary.
func alignRide(p *align, in []ops.Header, out *tensor.Model) error {
	ps, err := join(p, in)
	if err != nil {
		return err
	}
	v, home, err := shared(p, ps)
	if err != nil {
		return err
	}
	if p.Missing == "zero" && ps.like != nil && !contains(ps.all, ps.like) {
		out.Notes = append(out.Notes, "tokens that only "+ps.like.Name+" has get rows of zeros, for it is none of the models")
	}
	if m := ps.own; m.gone != nil {
		out.Notes = append(out.Notes, fmt.Sprintf("%s has no rows for %s: they are left out", m.Name, few(m.gone)))
	}
	return carry(out, home.Header, ps.own.Header, v)
}

// carry puts a vocabulary and the files that come with it into a model, and
// moves special ids in its configs to where their tokens are now.
func carry(out *tensor.Model, home, was ops.Header, v *vocab.Tokenizer) error {
	old, err := home.Vocab()
	if err != nil {
		return err
	}
	before, err := was.Vocab()
	if err != nil {
		return err
	}
	same := vocab.Equal(old, v) && len(old.Added()) == len(v.Added())
	files, err := tokenizerFiles(home.Files, v, same)
	if err != nil {
		return err
	}
	for _, f := range out.Files {
		if !ofTokenizer(f.Name) {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b tensor.File) int { return strings.Compare(a.Name, b.Name) })
	out.Files, out.Vocab = files, func() (*vocab.Tokenizer, error) { return v, nil }
	ids := renamed{before, v, home.Config}
	out.Config = ids.edit(out.Config)
	return editFile(out, "generation_config.json", ids.edit)
}

// derived are files that say what a tokenizer.json says, in other words.
var derived = []string{"added_tokens.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt", "merges.txt", "tekken.json"}

// beside are files that belong to a tokenizer and hold no vocabulary.
var beside = []string{tensor.VocabName, "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "chat_template.json"}

func ofTokenizer(name string) bool {
	return slices.Contains(derived, name) || slices.Contains(beside, name) || strings.HasSuffix(name, ".tiktoken")
}

// tokenizerFiles are a tokenizer's files as they are, or for another vocabulary.
func tokenizerFiles(from []tensor.File, v *vocab.Tokenizer, same bool) ([]tensor.File, error) {
	var files []tensor.File
	for _, f := range from {
		var err error
		switch {
		case !ofTokenizer(f.Name):
			continue
		case same:
		case f.Name == tensor.VocabName:
			f.Data, err = v.Encode()
		case f.Name == "tokenizer_config.json":
			f.Data, err = withAdded(f, v)
		case !slices.Contains(beside, f.Name):
			continue // it would contradict the vocabulary
		}
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// maxConfig bounds small files of JSON.
const maxConfig = 64 << 20

// withAdded writes a tokenizer_config.json's table of added tokens anew, if it
// has one.
func withAdded(f tensor.File, v *vocab.Tokenizer) ([]byte, error) {
	text, err := f.Read(maxConfig)
	if err != nil || !has(text, "added_tokens_decoder") {
		return text, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("    ", "  ")
	for i, a := range v.Added() {
		fmt.Fprintf(&b, "%s\n    \"%d\": ", comma(i), a.ID)
		if err := e.Encode(addedEntry{a.Content, a.LStrip, a.Normalized, a.RStrip, a.SingleWord, a.Special}); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // its newline
	}
	return jsontext.Replace(text, "{"+b.String()+"\n  }", "added_tokens_decoder"), nil
}

func comma(i int) string {
	if i > 0 {
		return ","
	}
	return ""
}

// addedEntry is how tokenizer_config.json describes an added token.
type addedEntry struct {
	Content    string `json:"content"`
	LStrip     bool   `json:"lstrip"`
	Normalized bool   `json:"normalized"`
	RStrip     bool   `json:"rstrip"`
	SingleWord bool   `json:"single_word"`
	Special    bool   `json:"special"`
}

// member is the value of a key on the top level as it is spelled, or nil.
func member(text []byte, key string) []byte {
	from, to, ok := jsontext.Find(text, key)
	if !ok {
		return nil
	}
	return text[from:to]
}

func has(text []byte, key string) bool { return member(text, key) != nil }

// editFile changes a file that rides along, if it is there.
func editFile(m *tensor.Model, name string, edit func([]byte) []byte) error {
	for i, f := range m.Files {
		if f.Name != name {
			continue
		}
		text, err := f.Read(maxConfig)
		if err != nil {
			return err
		}
		if now := edit(text); string(now) != string(text) {
			m.Files = slices.Clone(m.Files)
			m.Files[i].Data = now
		}
	}
	return nil
}

// renamed moves ids from one vocabulary to another.
type renamed struct {
	before, now *vocab.Tokenizer
	home        []byte // config of the model that the vocabulary comes from
}

// edit changes the special ids of a config. A token that is gone takes the id
// that the vocabulary's own model has for the purpose.
func (r renamed) edit(config []byte) []byte {
	if vocab.Equal(r.before, r.now) {
		return config
	}
	for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id"} {
		raw := member(config, key)
		var one *int
		var many []int
		switch {
		case raw == nil:
		case json.Unmarshal(raw, &one) == nil:
			if one != nil {
				config = r.put(config, key, []int{*one}, func(ids []int) any { return ids[0] })
			}
		case json.Unmarshal(raw, &many) == nil:
			config = r.put(config, key, many, func(ids []int) any { return ids })
		}
	}
	return config
}

func (r renamed) put(config []byte, key string, ids []int, form func([]int) any) []byte {
	moved := make([]int, 0, len(ids))
	for _, id := range ids {
		if to, ok := r.id(id); ok {
			moved = append(moved, to)
		}
	}
	if slices.Equal(moved, ids) {
		return config
	}
	if len(moved) == 0 {
		if other := member(r.home, key); other != nil {
			return jsontext.Replace(config, string(other), key)
		}
		return jsontext.Replace(config, "null", key)
	}
	text, err := json.Marshal(form(moved))
	if err != nil {
		return config
	}
	return jsontext.Replace(config, string(text), key)
}

func (r renamed) id(id int) (int, bool) {
	text, ok := r.before.Text(id)
	if !ok {
		return id, true // no token's id: nothing to follow
	}
	return r.now.ID(text)
}
