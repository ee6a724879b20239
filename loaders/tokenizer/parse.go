package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
)

// rules is raised when the same files give other ids than before.
const rules = "roux tokenizer 2, unicode " + unicode.Version

// maxFile bounds tokenizer files; the largest that are known have 35 MB.
const maxFile = 512 << 20

type jsonFile struct {
	Version       string          `json:"version"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// idError says that an added token has another id than its file says.
type idError struct {
	content  string
	says, is int32
}

func (e *idError) Error() string {
	return fmt.Sprintf("the file gives the added token %q the id %d, but loading it in order gives %d: number the added tokens after the vocabulary, without holes", e.content, e.says, e.is)
}

// Parse reads the text of a tokenizer.json. Its truncation and padding are not
// obeyed.
func Parse(data []byte) (*Tokenizer, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("tokenizer.json has %d bytes, more than %d", len(data), maxFile)
	}
	var f jsonFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, placed(data, err)
	}
	if f.Version != "" && f.Version != "1.0" {
		return nil, fmt.Errorf("tokenizer.json has version %q: roux reads 1.0", f.Version)
	}
	t := new(Tokenizer)
	if err := t.assemble(&f); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	t.seal(data)
	return t, nil
}

// placed adds line and column to an error of the JSON decoder.
func placed(data []byte, err error) error {
	var at int64
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	default:
		return fmt.Errorf("tokenizer.json: %w", err)
	}
	before := data[:min(at, int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Errorf("tokenizer.json:%d:%d: %w", line, max(column, 1), err)
}

func (t *Tokenizer) assemble(f *jsonFile) (err error) {
	if t.norm, err = parseNormalizer("normalizer", f.Normalizer, 0); err != nil {
		return err
	}
	if t.pre, err = parsePretokenizers("pre_tokenizer", f.PreTokenizer, 0); err != nil {
		return err
	}
	if t.post, err = parsePost("post_processor", f.PostProcessor, 0); err != nil {
		return err
	}
	if t.dec, err = parseDecoders("decoder", f.Decoder, 0); err != nil {
		return err
	}
	t.plain = absent(f.Decoder)
	if t.model, t.vocab, err = parseModel(f.Model); err != nil {
		return err
	}
	return t.added.add(f.AddedTokens, t.vocab, t.norm)
}

// seal chooses the fast ways and takes the digest of what the tokenizer is made
// of.
func (t *Tokenizer) seal(sources ...[]byte) {
	t.markControl()
	if ns, ok := t.norm.(normalizers); ok && len(ns) == 0 {
		t.norm = nil
	}
	if b, ok := t.model.(*bpe); ok {
		t.model = t.fast(b)
	} else {
		t.model = remember(t.model)
	}
	for _, p := range t.pre {
		if m, ok := p.(metaspace); ok && m.prepend == "first" && t.norm != nil {
			t.placed = true
		}
	}
	h := sha256.New()
	_, _ = h.Write([]byte(rules))
	for _, s := range sources {
		_, _ = fmt.Fprintf(h, "\n%d\n", len(s))
		_, _ = h.Write(s)
	}
	t.digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// markControl notes which ids are control tokens. The unknown token is none:
// it only says what the model says anyway.
func (t *Tokenizer) markControl() {
	t.control = make([]bool, len(t.vocab.tokens))
	for id := range t.added.tokens {
		if t.added.held[id] && int(id) < len(t.control) {
			t.control[id] = true
		}
	}
	t.unknown = unknownID(t.model)
	_, t.keepsUnknown = t.model.(*unigram)
	if id := t.unknown; id >= 0 && int(id) < len(t.control) {
		t.control[id] = false
	}
}

// fast lets byte-level models see plain bytes, lets pieces stream where there is
// one split, and cuts texts that no pre-tokenizer cuts.
func (t *Tokenizer) fast(b *bpe) model {
	n := len(t.pre)
	if n == 0 {
		if _, marked := b.chars['▁']; marked && !b.ignoreMerges && !b.drops() && b.prefix == "" && b.suffix == "" {
			return parted{b, remember(b)}
		}
		return remember(b)
	}
	last, ok := t.pre[n-1].(byteLevel)
	if !ok || !b.useBytes() {
		return remember(b)
	}
	last.keepBytes = true
	t.pre[n-1] = last
	switch {
	case last.prefixSpace:
	case n == 1 && last.words:
		t.direct = &splitter{pattern: matcher(matchGPT2), how: isolated}
	case n == 2 && !last.words:
		if s, ok := t.pre[0].(splitter); ok && (s.how == isolated || s.how == removed && s.invert) {
			t.direct = &s
		}
	}
	return remember(b)
}
