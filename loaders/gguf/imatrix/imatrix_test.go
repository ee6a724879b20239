package imatrix

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *Matrix {
	return &Matrix{Chunks: 2, ChunkSize: 512, Datasets: []string{"a.txt", "wiki.train.raw"}, Entries: []Entry{
		{Name: "blk.1.ffn_down_exps.weight", Sums: []float32{1024, 0, 512, 3, 0, 0}, Counts: []int64{1024, 512, 0}},
		{Name: "blk.0.attn_q.weight", Sums: []float32{2048, 512, 256}, Counts: []int64{1024}},
	}}
}

// byHand is the older form, written number by number.
func byHand() []byte {
	var b []byte
	word := func(n ...int) {
		for _, n := range n {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
	}
	value := func(f ...float32) {
		for _, f := range f {
			word(int(math.Float32bits(f)))
		}
	}
	word(2)
	word(19)
	b = append(b, "blk.0.attn_q.weight"...)
	word(2, 3)
	value(4, 1, 0.5) // means 2, 0.5 and 0.25 of two chunks
	word(26)
	b = append(b, "blk.1.ffn_down_exps.weight"...)
	word(2, 6)
	value(2, 0, 2, 0.01171875, 2, 2)
	word(2)
	word(14)
	return append(b, "wiki.train.raw"...)
}

// TestGGUF: today's form comes back whole.
func TestGGUF(t *testing.T) {
	m := sample()
	data, err := m.GGUF()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "imatrix.gguf")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Error(d)
	}
	e, ok := got.Find("blk.1.ffn_down_exps.weight")
	if !ok || e.Columns() != 2 || e.Means(1)[0] != 1 || e.Means(2)[1] != 1 || e.Means(0)[0] != 1 {
		t.Errorf("%v", e)
	}
	if again, err := got.GGUF(); err != nil || !bytes.Equal(again, data) {
		t.Errorf("written again, the bytes differ: %v", err)
	}
}

// TestPy reads a file that gguf-py wrote as llama.cpp's imatrix does.
func TestPy(t *testing.T) {
	got, err := Open("testdata/gguf-py.imatrix.gguf")
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	if err := want.Sort(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestBinary: the older form is written to the letter, and reads back as far as
// it goes.
func TestBinary(t *testing.T) {
	data, err := sample().Binary()
	if err != nil || !bytes.Equal(data, byHand()) {
		t.Errorf("%v\n%q\n%q", err, data, byHand())
	}
	got, err := Parse(byHand())
	if err != nil {
		t.Fatal(err)
	}
	want := &Matrix{Chunks: 2, ChunkSize: 512, Datasets: []string{"wiki.train.raw"}, Entries: []Entry{
		{Name: "blk.0.attn_q.weight", Sums: []float32{2048, 512, 256}, Counts: []int64{1024}},
		{Name: "blk.1.ffn_down_exps.weight", Sums: []float32{1024, 0, 1024, 6, 1024, 1024}, Counts: []int64{1024}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	oldest := byHand()[:len(byHand())-22] // without chunks and path
	if got, err := Parse(oldest); err != nil || got.Chunks != 2 || len(got.Entries) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBad(t *testing.T) {
	for _, c := range []struct {
		want string
		data []byte
	}{
		{"entries are claimed", nil},
		{"entries are claimed", []byte("{\"not\": \"a matrix\"}")},
		{"truncated", byHand()[:60]},
		{"truncated", byHand()[:len(byHand())-1]},
		{"truncated", bytes.Replace(byHand(), []byte{19, 0, 0, 0}, []byte{19, 0, 0, 0x80}, 1)},
		{"sum of squares of column 0 is NaN", bytes.Replace(byHand(), []byte{0, 0, 0x80, 0x40}, []byte{0, 0, 0xc0, 0x7f}, 1)},
		{"stands twice", bytes.Replace(bytes.Replace(byHand(), []byte{26, 0, 0, 0}, []byte{19, 0, 0, 0}, 1), []byte("blk.1.ffn_down_exps.weight"), []byte("blk.0.attn_q.weight"), 1)},
	} {
		if _, err := Parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
	model, err := os.ReadFile("../testdata/gguf-py.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(model); err == nil || !strings.Contains(err.Error(), "no importance matrix") {
		t.Errorf("a model: %v", err)
	}
	data, err := sample().GGUF()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(data[:len(data)-64]); err == nil || !strings.Contains(err.Error(), "goes beyond the file") {
		t.Errorf("cut: %v", err)
	}
	if _, err := Parse(bytes.Replace(data, []byte("attn_q.weight.counts"), []byte("attn_q.weight.sounts"), 1)); err == nil || !strings.Contains(err.Error(), "0 counts") {
		t.Errorf("without counts: %v", err)
	}
}

// FuzzParse: no bytes make the reader panic, and what it accepts is written, read
// back alike and added.
func FuzzParse(f *testing.F) {
	f.Add(byHand())
	if data, err := sample().GGUF(); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		out, err := m.GGUF()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out)
		if err != nil || len(again.Entries) != len(m.Entries) {
			t.Fatalf("%v, %d entries of %d", err, len(again.Entries), len(m.Entries))
		}
		if _, err := m.Binary(); err != nil {
			t.Fatal(err)
		}
		// Sums may become infinite and counts too many, which is an error.
		if err := m.Add(again); err == nil && len(m.Entries) != len(again.Entries) {
			t.Fatalf("added to itself, %d entries of %d", len(m.Entries), len(again.Entries))
		}
	})
}
