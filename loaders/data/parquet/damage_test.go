package parquet

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefused: what is not read says so, and the cure.
func TestRefused(t *testing.T) {
	good := load(t, "testdata/none_1.parquet")
	codec := func(c int64) []byte {
		return file{nodes: flat(int32s, required), physical: int32s, rows: 1, values: 1, codec: c, pages: wireData(1, plain, make([]byte, 4))}.bytes()
	}
	for want, file := range map[string][]byte{
		"it is compressed with Brotli, which is not read: rewrite the file with snappy or zstd": load(t, "testdata/refused_brotli.parquet"),
		"it is compressed with LZO, which": codec(3), "it is compressed with the old LZ4, which": codec(5), "the unknown codec 99": codec(99),
		"it is encrypted: write it without encryption":        slices.Concat([]byte("PARE"), good[4:len(good)-4], []byte("PARE")),
		"it does not begin with PAR1":                         good[1:],
		"it does not end with PAR1: it was cut off, fetch it": good[:len(good)-1],
	} {
		if _, err := Read(file, 1000, math.MaxInt64); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := Read(good, 10, math.MaxInt64); err == nil || !strings.Contains(err.Error(), "more than 10 rows") {
		t.Errorf("more rows than may be: %v", err)
	}
}

// TestDamage: a file that is cut or of which a byte is changed is an error, or
// other rows, and never a panic.
func TestDamage(t *testing.T) {
	for _, path := range goldens(t) {
		good := load(t, path)
		for i := range good {
			if _, err := Read(good[:i], 1000, math.MaxInt64); err == nil {
				t.Errorf("%s: the first %d bytes can be read", path, i)
			}
			bad := bytes.Clone(good)
			bad[i] ^= []byte{1, 2, 4, 8, 16, 32, 64, 128, ^bad[i]}[i%9] // the last makes it 255
			_, _ = read(bad, 1000, bound(bad))
		}
	}
}

// TestSums: where pages have a sum, a byte that changed is found.
func TestSums(t *testing.T) {
	good := load(t, "testdata/none_2.parquet")
	at := bytes.Index(good, []byte("word"))
	good[at] ^= 1
	if _, err := Read(good, 1000, math.MaxInt64); err == nil || !strings.Contains(err.Error(), "the sum of a page") {
		t.Errorf("got %v", err)
	}
}

// TestPacked: levels have the order of bits that the format's document shows.
func TestPacked(t *testing.T) {
	got := make([]uint8, 8)
	if err := packedLevels(got, []byte{0x05, 0x39, 0x77}, 3); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]uint8{0, 1, 2, 3, 4, 5, 6, 7}, got); d != "" {
		t.Error(d)
	}
	// And packed runs theirs.
	if err := hybrid(got, []byte{3, 0x88, 0xc6, 0xfa}, 3); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]uint8{0, 1, 2, 3, 4, 5, 6, 7}, got); d != "" {
		t.Error(d)
	}
}

// TestLZ4: blocks by hand, of which the second repeats what it writes.
func TestLZ4(t *testing.T) {
	for want, block := range map[string]string{"abc": "\x30abc", "ababababab": "\x24ab\x02\x00\x00", "": "\x00",
		strings.Repeat("a", 300): "\x1fa\x01\x00\xff\x18\x10a"} {
		if got, err := lz4(make([]byte, 0, len(want)), []byte(block)); err != nil || string(got) != want {
			t.Errorf("%q: %q %v", block, got, err)
		}
		if _, err := lz4(make([]byte, 0, max(len(want), 1)-1), []byte(block)); err == nil && want != "" {
			t.Errorf("%q is written beyond its room", block)
		}
	}
	for _, bad := range []string{"", "\x20a", "\x10a\x02\x00", "\x10a\x00\x00", "\x10a\x01", "\xf0\xff", "\x1fa\x01\x00\xff"} {
		if got, err := lz4(make([]byte, 0, 100), []byte(bad)); err == nil {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
}

// FuzzRead: no file makes the reader panic.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.parquet")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		f.Add(load(f, path))
	}
	f.Fuzz(func(_ *testing.T, file []byte) {
		_, _ = read(file, 100_000, bound(file))
	})
}
