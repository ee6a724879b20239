package tokenizer

import (
	"os"
	"testing"
)

func BenchmarkTry(b *testing.B) {
	data, err := os.ReadFile(os.Getenv("TOKJSON"))
	if err != nil {
		b.Fatal(err)
	}
	t, err := Parse(data)
	if err != nil {
		b.Fatal(err)
	}
	text, _ := os.ReadFile(os.Getenv("TOKTEXT"))
	b.SetBytes(int64(len(text)))
	s := string(text)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := t.Encode(s, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("offsets", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_, _ = t.EncodeWithOffsets(s, Options{})
		}
	})
	ids, _ := t.Encode(s, Options{})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			t.Decode(ids, false)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, _ = Parse(data)
		}
	})
}
