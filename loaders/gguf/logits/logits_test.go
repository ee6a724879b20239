package logits

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRoundTrip: rows come back within half a step, and the parts of a file
// stand where llama.cpp puts them.
func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.kld")
	s := Shape{Context: 5, Vocab: 3, Chunks: 2} // two rows a chunk, of 16 bytes
	tokens := []int32{0, 1, 2, 1, 0, 2, 2, 1, 0, 1}
	w, err := Create(path, s, tokens)
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]float32{{1, 2, 3}, {0, -40, 5}, {7, 7, 7}, {-1, 0.5, 0.25}}
	for _, i := range []int{3, 0, 2, 1} {
		if err := w.Row(i/2, i%2, rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 8+12+40+4*16 || !bytes.HasPrefix(text, []byte("_logits_\x05\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00")) {
		t.Fatalf("%q %v", text, err)
	}
	f, err := Open(path)
	if err != nil || !slices.Equal(f.Tokens(1), tokens[5:]) {
		t.Fatalf("%v %v", f, err)
	}
	got := make([]float32, 3)
	for i, row := range rows {
		if err := f.LogProbs(i/2, i%2, got); err != nil {
			t.Fatal(err)
		}
		sum, most := 0.0, slices.Max(row)
		for _, v := range row {
			sum += math.Exp(float64(v))
		}
		for k, v := range row {
			want := max(float64(v), float64(most)-lowest) - math.Log(sum)
			if math.Abs(float64(got[k])-want) > lowest/65535./2+1e-6 {
				t.Errorf("row %d: token %d has %v, want %v", i, k, got[k], want)
			}
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

// file is the text of a file of one chunk.
func file(context, vocab, chunks uint32, rest ...byte) []byte {
	b := []byte(magic)
	for _, v := range []uint32{context, vocab, chunks} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, rest...)
}

func TestBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.kld")
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"empty":       {nil, "it is no file of log probabilities"},
		"other":       {bytes.Repeat([]byte("GGUF"), 9), "it is no file of log probabilities"},
		"truncated":   {file(3, 2, 1, 0, 0, 0, 0), "truncated or damaged"},
		"huge":        {file(1<<30, 1<<20, 1<<30), "damaged, or no file"},
		"negative":    {file(3, 0xffffffff, 1), "damaged, or no file"},
		"wrong token": {file(3, 2, 1, append([]byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 12)...)...), "token 9 of 2"},
	} {
		if err := os.WriteFile(path, c.text, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.kld") {
			t.Errorf("%s: %v", name, err)
		}
	}
	nan := file(3, 2, 1, append(make([]byte, 12), 0, 0, 0xc0, 0x7f, 0, 0, 0, 0, 1, 0, 1, 0)...)
	if err := os.WriteFile(path, nan, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.LogProbs(0, 0, make([]float32, 2)); err == nil || !strings.Contains(err.Error(), "row 0: a log probability of NaN") {
		t.Errorf("%v", err)
	}
	if _, err := Create(path, Shape{3, 2, 1}, nil); err == nil {
		t.Error("a file without its tokens")
	}
}

// FuzzOpen: no file makes the reader panic or take more than it is.
func FuzzOpen(f *testing.F) {
	f.Add(file(3, 2, 1, make([]byte, 24)...))
	f.Add(file(1<<30, 1<<20, 1<<30))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := read(bytes.NewReader(text), int64(len(text)))
		if err == nil && len(out.Tokens(out.Chunks-1)) != out.Context {
			t.Errorf("%+v", out.Shape)
		}
	})
}

// TestNoRoom: a file that no disk holds is refused before anything is computed,
// with what it takes, and leaves nothing.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	s := Shape{Context: 1 << 20, Vocab: 1 << 24, Chunks: 1}
	_, err := Create(filepath.Join(dir, "x.kld"), s, make([]int32, 1<<20))
	if err == nil || !strings.Contains(err.Error(), "make room or write elsewhere") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

// TestChanged: rows are of the file whose head was read, which is opened once.
func TestChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.kld")
	text := file(3, 2, 1, append(make([]byte, 12), make([]byte, 12)...)...)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.LogProbs(0, 0, make([]float32, 2)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := f.LogProbs(0, 0, make([]float32, 2)); err != nil {
		t.Errorf("a file that is open: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, 0), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.LogProbs(0, 0, make([]float32, 2)); err == nil || !strings.Contains(err.Error(), "changed since its header was read") {
		t.Errorf("%v", err)
	}
}
