package safetensors

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// file makes a file of a header and so many bytes of data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// TestBadHeaders holds the reader to one clear error for every way in which a
// file can lie.
func TestBadHeaders(t *testing.T) {
	for _, c := range []struct {
		name, want string
		text       []byte
	}{
		{"empty", "0 bytes", nil},
		{"short", "3 bytes", []byte("abc")},
		{"gigantic", "claims", append([]byte{255, 255, 255, 255, 255, 255, 255, 255}, 'x')},
		{"longer than file", "claims 100 bytes", append(binary.LittleEndian.AppendUint64(nil, 100), "{}"...)},
		{"not json", "not a JSON object", file("hello", 0)},
		{"array", "not a JSON object", file("[]", 0)},
		{"trailing", "behind its end", file("{}x", 0)},
		{"duplicate", `"a" stands twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"two dtypes", `tensor "a": its dtype stands twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"I8"}}`, 1)},
		{"two shapes", `tensor "a": its shape stands twice`, file(`{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"two offsets", `tensor "a": its data_offsets stands twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}}`, 1)},
		{"dtype", `unknown dtype "Q4"`, file(`{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"torch dtype", `unknown dtype "bfloat16"`, file(`{"a":{"dtype":"bfloat16","shape":[1],"data_offsets":[0,2]}}`, 2)},
		{"overlap", "overlaps", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3)},
		{"hole", "belong to no tensor", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3)},
		{"leftover", "at the end belong to no tensor", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2)},
		{"truncated", "truncated", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 3)},
		{"size", "takes 8", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4)},
		{"negative", "negative dimension", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1)},
		{"overflow", "more elements than can be addressed", file(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, 8)},
		{"backwards", "run from 1 to 0", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1)},
		{"twice metadata", "stands twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0)},
		{"metadata of numbers", "__metadata__", file(`{"__metadata__":{"a":1}}`, 0)},
		{"no offsets", "needs dtype, shape and data_offsets", file(`{"a":{"dtype":"U8","shape":[0]}}`, 0)},
		{"three offsets", "3 numbers", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, 1)},
		{"unended", "ends where", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`, 1)},
		{"unended name", "does not end", file(`{"a`, 0)},
		{"comma", "where '\"' belongs", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}`, 1)},
		{"octal", "not a whole number", file(`{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}`, 1)},
		{"exponent", "not a whole number", file(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1)},
		{"huge number", "not a whole number", file(`{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}`, 1)},
		{"many dimensions", "more than 64", file(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 70)+`1],"data_offsets":[0,1]}}`, 1)},
		{"bad unknown key", `tensor "a"`, file(`{"a":{"x":{,"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)},
		{"fraction", `tensor "a"`, file(`{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}`, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readHeader(bytes.NewReader(c.text), int64(len(c.text)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestOutOfOrder: names may stand in any order of offsets; they come out in
// the order of their bytes. Scalars and empty tensors are tensors.
func TestOutOfOrder(t *testing.T) {
	text := file(`{"b":{"dtype":"U8","shape":[],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"e":{"dtype":"F32","shape":[0,4],"data_offsets":[2,2]}}`, 2)
	h, err := readHeader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range h.entries {
		got += e.info.Name
	}
	if got != "abe" {
		t.Errorf("order %s", got)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1))
	f.Add(file(` { "\u0061\u00e9" : {"x":[1,{"y":null}],"shape" :[ 1 , 0 ],"dtype":"U8", "data_offsets":[0,0]} } `, 0))
	f.Add(file(`{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}`, 8))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := readHeader(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		agreesWithJSON(t, h, text[8:h.size])
		var infos []tensor.Info
		total := int64(0)
		for _, e := range h.entries {
			infos = append(infos, e.info)
			total += e.info.Bytes()
		}
		if total != int64(len(text))-h.size {
			t.Errorf("%d bytes of tensors in %d", total, int64(len(text))-h.size)
		}
		head, err := encodeHeader(infos)
		if err != nil {
			t.Fatal(err)
		}
		again, err := readHeader(bytes.NewReader(append(head, make([]byte, total)...)), int64(len(head))+total)
		if err != nil || len(again.entries) != len(h.entries) {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}

// agreesWithJSON holds the scanner to encoding/json: what it accepts is JSON
// and means the same.
func agreesWithJSON(t *testing.T, h *header, text []byte) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("the header is no JSON: %v", err)
	}
	if delete(all, "__metadata__"); len(all) != len(h.entries) {
		t.Fatalf("%d tensors of %d", len(h.entries), len(all))
	}
	for _, e := range h.entries {
		// A map, since a struct would take keys in any case.
		var fields map[string]json.RawMessage
		var dtype string
		var shape []int
		var offsets []int64
		err := errors.Join(json.Unmarshal(all[e.info.Name], &fields), json.Unmarshal(fields["dtype"], &dtype),
			json.Unmarshal(fields["shape"], &shape), json.Unmarshal(fields["data_offsets"], &offsets))
		if err != nil || dtype != e.info.DType.String() || !slices.Equal(shape, []int(e.info.Shape)) || !slices.Equal(offsets, []int64{e.begin, e.end}) {
			t.Errorf("%+v is %s: %v", e, all[e.info.Name], err)
		}
	}
}

// write stores tensors of bytes that count up.
func write(t *testing.T, dir string, shard int64, infos []tensor.Info) {
	t.Helper()
	w := Create(dir, "model", shard)
	if err := w.Begin(context.Background(), infos); err != nil {
		t.Fatal(err)
	}
	for i := len(infos) - 1; i >= 0; i-- { // any order
		to, err := w.Writer(infos[i].Name)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, infos[i].Bytes())
		for j := range b {
			b[j] = byte(i + j)
		}
		half := len(b) / 2
		for _, part := range []struct{ from, to int }{{half, len(b)}, {0, half}} {
			if _, err := to.WriteAt(b[part.from:part.to], int64(part.from)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

var some = []tensor.Info{
	{Name: "a", DType: tensor.BF16, Shape: tensor.Shape{3, 5}},
	{Name: "b\"quoted\"", DType: tensor.F32, Shape: tensor.Shape{7}},
	{Name: "scalar", DType: tensor.I64, Shape: tensor.Shape{}},
	{Name: "none", DType: tensor.U8, Shape: tensor.Shape{0, 2}},
}

// TestRoundTrip: what is written, in one file or in shards, is read again.
func TestRoundTrip(t *testing.T) {
	for _, shard := range []int64{0, 1, 40} {
		dir := t.TempDir()
		write(t, dir, shard, some)
		d, err := OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range some {
			x, ok := d.Tensor(want.Name)
			if !ok || x.Info().DType != want.DType || !x.Info().Shape.Equal(want.Shape) && len(want.Shape) > 0 {
				t.Fatalf("shard %d: %s: %v %v", shard, want.Name, ok, x)
			}
			b := make([]byte, want.Bytes())
			if n, err := x.ReadAt(b, 0); n < len(b) {
				t.Fatal(err)
			}
			for j := range b {
				if b[j] != byte(i+j) {
					t.Fatalf("%s[%d] = %d", want.Name, j, b[j])
				}
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestIncompleteCommit: bytes that were never written are not published.
func TestIncompleteCommit(t *testing.T) {
	dir := t.TempDir()
	w := Create(dir, "model", 0)
	if err := w.Begin(context.Background(), some); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background()); err == nil {
		t.Error("an empty file was committed")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestBadShards: missing, truncated and foreign shards each get a clear error.
func TestBadShards(t *testing.T) {
	make3 := func(t *testing.T) string {
		dir := t.TempDir()
		write(t, dir, 1, some)
		return dir
	}
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"missing":   {func(d string) error { return os.Remove(filepath.Join(d, "model-00002-of-00004.safetensors")) }, "is missing from"},
		"truncated": {func(d string) error { return os.Truncate(filepath.Join(d, "model-00001-of-00004.safetensors"), 100) }, "truncated"},
		"link out": {func(d string) error {
			outside := filepath.Join(t.TempDir(), "secret.safetensors")
			if err := os.WriteFile(outside, file("{}", 0), 0o600); err != nil {
				return err
			}
			path := filepath.Join(d, "model-00003-of-00004.safetensors")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink(outside, path)
		}, "outside of the model directory"},
		"path in index": {func(d string) error {
			return os.WriteFile(filepath.Join(d, IndexName), []byte(`{"weight_map":{"a":"../x.safetensors"}}`), 0o644)
		}, "not a plain file name"},
		"index names more": {func(d string) error {
			return os.WriteFile(filepath.Join(d, IndexName), []byte(`{"weight_map":{"zz":"model-00001-of-00004.safetensors"}}`), 0o644)
		}, "zz first"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := make3(t)
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			_, err := OpenDir(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestShrinkingFile: a file cut while it is open gives an error, not a crash.
func TestShrinkingFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 0, some)
	path := filepath.Join(dir, SingleName)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, _ := f.Tensor("a")
	if _, err := x.ReadAt(make([]byte, 1), 0); err != nil { // opens it
		t.Fatal(err)
	}
	if err := os.Truncate(path, f.h.size+4); err != nil {
		t.Fatal(err)
	}
	if _, err := x.ReadAt(make([]byte, x.Info().Bytes()), 0); err == nil || !strings.Contains(err.Error(), "became shorter") {
		t.Errorf("got %v", err)
	}
}
