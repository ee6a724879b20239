package tokenizer

import (
	"os"
	"testing"
)

// BenchmarkEncode measures one core, in MB of text a second. ROUX_TOKENIZER and
// ROUX_TEXT name a real tokenizer.json and a text; without them the byte-level
// tokenizer of the tests reads this repository's prose.
func BenchmarkEncode(b *testing.B) {
	name := os.Getenv("ROUX_TEXT")
	if name == "" {
		name = "../../docs/architecture.md"
	}
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	text := string(data)
	k := benchTokenizer(b)
	ids, err := k.Encode(text, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func(){
		"ids":     func() { _, _ = k.Encode(text, Options{}) },
		"offsets": func() { _, _ = k.EncodeWithOffsets(text, Options{}) },
		"decode":  func() { _ = k.Decode(ids, false) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f()
			}
		})
	}
}

func benchTokenizer(b *testing.B) *Tokenizer {
	if name := os.Getenv("ROUX_TOKENIZER"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		k, err := Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		return k
	}
	return fromGolden(b, "bpe byte level")
}

func BenchmarkParse(b *testing.B) {
	name := os.Getenv("ROUX_TOKENIZER")
	if name == "" {
		name = "../../testdata/models/base/tokenizer.json"
	}
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
