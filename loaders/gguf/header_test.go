package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// TestGGUFPy reads a file of every type of value that gguf-py 0.19 wrote.
func TestGGUFPy(t *testing.T) {
	f, err := OpenFile("testdata/gguf-py.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for key, want := range map[string]any{
		"t.u8": uint64(200), "t.i8": int64(-5), "t.u16": uint64(60000), "t.i16": int64(-300), "t.u32": uint64(4000000000), "t.i32": int64(-70000),
		"t.f32": float64(float32(1e-5)), "t.bool": true, "t.text": "Grüße", "t.texts": []string{"a", "", "ü"}, "t.ints": []int64{1, -2, 3},
		"t.floats": []float64{0.5, -1.25}, "t.u64": uint64(1) << 63, "t.i64": int64(-1) << 40, "t.f64": 0.1, "t.bools": []bool{true, false},
		"general.architecture": "llama", "t.none": nil,
	} {
		if got := f.Header().Metadata.Value(key); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v (%T), want %v", key, got, got, want)
		}
	}
	shapes := map[string]tensor.Shape{"a.f32": {2, 3}, "b.f16": {2, 2, 2}, "c.q8": {2, 32}}
	for _, info := range f.Infos() {
		if !info.Shape.Equal(shapes[info.Name]) {
			t.Errorf("%s has shape %v", info.Name, info.Shape)
		}
	}
	x, err := decode(f.stored(f.index["a.f32"]), 12, 12, 3)
	if err != nil || x[0] != 3 || x[2] != 5 {
		t.Errorf("the second row of a.f32 is %v, %v", x, err)
	}
	q, err := decode(f.stored(f.index["c.q8"]), 0, 68, 64)
	if err != nil || math.Abs(float64(q[0]+1)) > 1e-3 {
		t.Errorf("c.q8 begins with %v, %v", q[0], err)
	}
}

// TestWrite: what AppendHeader writes reads back, numbers in 32 bits where they fit.
func TestWrite(t *testing.T) {
	var m Metadata
	values := map[string]any{
		"u": uint64(7), "wide": uint64(1) << 40, "i": int64(-7), "deep": int64(-1) << 40, "f": 0.5, "precise": 0.1, "b": true, "s": "x\x00y",
		"us": []uint64{1, 1 << 40}, "is": []int64{-1, 1 << 40}, "fs": []float64{0.5, 0.1}, "ss": []string{"", "z"}, "bs": []bool{false, true},
		"nested": []any{[]int64{1}, []int64{2, 3}},
	}
	for k, v := range values {
		m.Set(k, v)
	}
	entries := []Entry{NewEntry("first", 3), NewEntry("second", 2, 5)}
	text, err := AppendHeader(nil, &m, entries)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ReadHeader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range values {
		if got := h.Metadata.Value(k); !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as %v (%T), want %v", k, got, got, want)
		}
	}
	if !reflect.DeepEqual(h.Metadata.Keys(), m.Keys()) || !reflect.DeepEqual(h.Tensors, entries) || h.Data != int64(len(text)) || entries[1].Offset != 32 {
		t.Errorf("%v, %v at %d", h.Metadata.Keys(), h.Tensors, h.Data)
	}
}

// minimal is a file with one tensor of 32 values in blocks of Q8_0.
func minimal(t testing.TB) []byte {
	var m Metadata
	m.Set("general.architecture", "llama")
	b, err := AppendHeader(nil, &m, []Entry{{Name: "w", Shape: []int{1, 32}, Type: 8}})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, 34)...)
}

// TestBad: damaged files give an error that says what is wrong.
func TestBad(t *testing.T) {
	good := minimal(t)
	u32, u64 := binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	name := bytes.Index(good, []byte("\x01\x00\x00\x00\x00\x00\x00\x00w")) + 8 // of the tensor
	dims, shape := name+1, name+5
	kind, offset := shape+16, shape+20
	two := func() []byte {
		var m Metadata
		b, _ := AppendHeader(nil, &m, []Entry{NewEntry("a", 8), NewEntry("b", 8)})
		return append(b, make([]byte, 64)...)
	}
	for _, c := range []struct {
		name, want string
		file       []byte
		harm       func(b []byte) []byte
	}{
		{"empty", "no GGUF file", nil, func([]byte) []byte { return nil }},
		{"magic", "no GGUF file", nil, func(b []byte) []byte { b[0] = 'X'; return b }},
		{"version 1", "convert the model anew", nil, func(b []byte) []byte { u32(b[4:], 1); return b }},
		{"version 9", "version 9 is unknown", nil, func(b []byte) []byte { u32(b[4:], 9); return b }},
		{"big endian", "big endian", nil, func(b []byte) []byte { u32(b[4:], 3<<24); return b }},
		{"many tensors", "tensors are claimed", nil, func(b []byte) []byte { u64(b[8:], 1<<60); return b }},
		{"many keys", "keys are claimed", nil, func(b []byte) []byte { u64(b[16:], 1<<60); return b }},
		{"long key", "a text of", nil, func(b []byte) []byte { u64(b[24:], 1<<40); return b }},
		{"cut header", "are left", nil, func(b []byte) []byte { return b[:60] }},
		{"cut data", "truncated", nil, func(b []byte) []byte { return b[:len(b)-1] }},
		{"dimensions", "dimensions", nil, func(b []byte) []byte { u32(b[dims:], 5); return b }},
		{"large", "more elements", nil, func(b []byte) []byte { u64(b[shape:], 1<<62); return b }},
		{"part of a block", "no whole blocks of Q8_0", nil, func(b []byte) []byte { u64(b[shape:], 31); return b }},
		{"another type", "IQ2_XXS, which is not read", nil, func(b []byte) []byte { u32(b[kind:], 16); return b }},
		{"unknown type", "number 99", nil, func(b []byte) []byte { u32(b[kind:], 99); return b }},
		{"offset", "no multiple of 32", nil, func(b []byte) []byte { u64(b[offset:], 7); return b }},
		{"far", "truncated", nil, func(b []byte) []byte { u64(b[offset:], 1<<40); return b }},
		{"overlap", "overlap", two(), func(b []byte) []byte {
			u64(b[bytes.LastIndexByte(b[:bytes.IndexByte(b, 'b')+26], 'b')+17:], 0)
			return b
		}},
		{"twice", "stands twice", two(), func(b []byte) []byte { b[bytes.IndexByte(b, 'b')] = 'a'; return b }},
	} {
		file := c.file
		if file == nil {
			file = bytes.Clone(good)
		}
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := os.WriteFile(path, c.harm(file), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenFile(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

// FuzzHeader: no bytes make the reader panic or allocate beyond their length,
// and tensors that it accepts lie within the file and apart.
func FuzzHeader(f *testing.F) {
	f.Add(minimal(f))
	if b, err := os.ReadFile("testdata/gguf-py.gguf"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		file := &File{header: h, index: map[string]int{}}
		if file.place(int64(len(b))) != nil {
			return
		}
		end := int64(0)
		for i, e := range h.Tensors {
			if e.Offset < end || h.Data+e.Offset+file.infos[i].Bytes() > int64(len(b)) {
				t.Fatalf("tensor %q at %d", e.Name, e.Offset)
			}
			end = e.Offset + file.infos[i].Bytes()
		}
		_, _ = describe(pieces{file})
	})
}
