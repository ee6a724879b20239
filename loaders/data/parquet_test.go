package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// TestParquetForms: the rows that pyarrow wrote are the same in every codec,
// encoding and version of pages.
func TestParquetForms(t *testing.T) {
	text, err := os.ReadFile("testdata/parquet/rows.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	want, err := readLines(text)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob("testdata/parquet/*.parquet")
	if len(names) != 17 {
		t.Fatalf("%d files", len(names))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := readParquet(text)
		if strings.Contains(name, "lz4") { // of which the library makes other rows
			if err == nil || !strings.Contains(err.Error(), "a page of LZ4_RAW: it cannot be read: write the file anew with zstd or snappy") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(plainRows(t, want), plainRows(t, rows)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// plainRows takes all through JSON, which knows one type of number.
func plainRows(t *testing.T, rows []map[string]any) (out []map[string]any) {
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

type texts struct {
	Text string `parquet:"text,dict"`
}
type lists struct {
	Texts []string `parquet:"texts,dict"`
}

func written[T any](t testing.TB, rows func(w *parquet.GenericWriter[T])) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(&parquet.Snappy))
	rows(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestParquetGreedy: small files that stand for more than they may are refused
// before the memory is taken.
func TestParquetGreedy(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	files := map[string][]byte{
		"a text of 1 MB a thousand times": written(t, func(w *parquet.GenericWriter[texts]) {
			for range 1000 {
				_, _ = w.Write([]texts{{long}})
			}
		}),
		"a row of a thousand of them": written(t, func(w *parquet.GenericWriter[lists]) {
			row := lists{}
			for range 1000 {
				row.Texts = append(row.Texts, long)
			}
			_, _ = w.Write([]lists{row})
		}),
		"two million rows of nothing": written(t, func(w *parquet.GenericWriter[texts]) {
			for range 2000 {
				_, _ = w.Write(make([]texts, 1000))
			}
		}),
	}
	for name, text := range files {
		if len(text) > 8<<20 {
			t.Fatalf("%s: %d bytes", name, len(text))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readParquet(text)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "of memory, which is 256 MB and 32 times its size: cut it into several files") {
			t.Errorf("%s: got %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

// TestPagesUnpack: a page that unpacks to more than it says is refused, in
// every codec, and one that does not is what it was.
func TestPagesUnpack(t *testing.T) {
	plain := make([]byte, 1<<20)
	var g, b, z bytes.Buffer
	w := gzip.NewWriter(&g)
	_, _ = w.Write(plain)
	_ = w.Close()
	br := brotli.NewWriter(&b)
	_, _ = br.Write(plain)
	_ = br.Close()
	e, err := zstd.NewWriter(&z) // a stream: the size is not in its head
	if err != nil {
		t.Fatal(err)
	}
	_, _ = e.Write(plain)
	_ = e.Close()
	for codec, body := range map[format.CompressionCodec][]byte{format.Gzip: g.Bytes(), format.Brotli: b.Bytes(), format.Zstd: z.Bytes(), format.Snappy: snappy.Encode(nil, plain)} {
		got, err := decompress(codec, body, 1<<20)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%v: %d bytes, %v", codec, len(got), err)
		}
		for _, size := range []int64{0, 1 << 10, 1<<20 - 1} {
			if got, err := decompress(codec, body, size); err == nil {
				t.Errorf("%v: a page of %d bytes unpacks to %d", codec, size, len(got))
			}
		}
	}
}

// footed is a file of nothing but a footer.
func footed(footer string) []byte {
	text := "PAR1" + footer
	return append(binary.LittleEndian.AppendUint32([]byte(text), uint32(len(footer))), "PAR1"...)
}

// nested is a file whose columns lie a hundred deep.
func nested() []byte {
	return footed("\x15\x02\x19\xfc\x64" + strings.Repeat("\x48\x01a\x15\x02\x00", 100) + "\x16\x00\x19\x0c\x00")
}

// TestFooters: what a footer claims is held to its bytes.
func TestFooters(t *testing.T) {
	// Field 2 is the list of columns, field 4 that of row groups.
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"short":        {[]byte("PAR1PAR1"), "does not end as a Parquet file does"},
		"claims":       {[]byte("PAR1\xff\xff\xff\xffPAR1"), "its footer claims 4294967295 bytes"},
		"a long list":  {footed("\x29\xfc\xff\xff\xff\xff\x07"), "ends too early"},
		"many columns": {footed("\x29\xfc\x80\x80\x80\x04" + strings.Repeat("\x00", 1<<23) + "\x00"), "256 MB and 32 times its size"},
		"a long text":  {footed("\x68\xff\xff\xff\xff\x07"), "ends too early"},
		"deep":         {footed(strings.Repeat("\x1c", 1<<20)), "nested more than 24 deep"},
		"deep lists":   {footed("\x19" + strings.Repeat("\x19", 1<<20)), "nested more than 24 deep"},
		"deep columns": {nested(), "columns are nested more than 32 deep"},
	} {
		if _, err := readParquet(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// TestRuns: runs are added up as Parquet's specification has them, and may not
// say more than there is.
func TestRuns(t *testing.T) {
	for _, c := range []struct {
		data  string
		width int
		most  int64
		want  string
	}{
		{"\x06\x05", 3, 3, "3*5 "},
		{"\x03\x88\xc6\xfa", 3, 8, "1*0 1*1 1*2 1*3 1*4 1*5 1*6 1*7 "},
		{"\x06\x05\x06\x01", 3, 6, "3*5 3*1 "},
		{"\x06", 0, 3, "3*0 "},
		{"\x06\x05", 3, 2, "say more values"},
		{"\xfe\xff\xff\xff\x0f\x05", 3, 1 << 20, "say more values"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 3, 1 << 20, "say more values"},
		{"\x06\x05", 33, 3, "values of 33 bits"},
		{"\x80", 3, 3, "has no length"},
	} {
		got := ""
		err := runs([]byte(c.data), c.width, c.most, func(v uint32, times int64) error { got += fmt.Sprintf("%d*%d ", times, v); return nil })
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%x: got %q, want %q", c.data, got, c.want)
		}
	}
}

// TestDeltas: sums of lengths are those of the library's own encoder, and a
// list may not say more values than the page has.
func TestDeltas(t *testing.T) {
	var lengths []int32
	want := int64(0)
	for i := range int32(1000) {
		lengths, want = append(lengths, i*i%977), want+int64(i*i%977)
	}
	data, err := (&parquet.DeltaBinaryPacked).EncodeInt32(nil, lengths)
	if err != nil {
		t.Fatal(err)
	}
	sum, rest, err := deltaSum(append(data, "rest"...), 1000)
	if err != nil || sum != want || string(rest) != "rest" {
		t.Errorf("sum %d, want %d; %q %v", sum, want, rest, err)
	}
	if _, _, err := deltaSum(data, 999); err == nil {
		t.Error("1000 values in a page of 999")
	}
	for _, text := range []string{"", "\x80\x01\x04\xff\xff\xff\xff\x0f\x00", "\x80\x01\x00\x05\x00", "\x80\x01\x04\x05\x01\x00"} {
		if _, _, err := deltaSum([]byte(text), 1000); err == nil {
			t.Errorf("%x is taken", text)
		}
	}
}

// FuzzParquet: no file makes the reader panic or take more memory than the
// allowance of its size.
func FuzzParquet(f *testing.F) {
	names, _ := filepath.Glob("testdata/parquet/*.parquet")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add(written(f, func(w *parquet.GenericWriter[texts]) { _, _ = w.Write(make([]texts, 1000)) }))
	f.Add(written(f, func(w *parquet.GenericWriter[lists]) { _, _ = w.Write([]lists{{[]string{"a", "b"}}, {nil}}) }))
	f.Add(nested())
	f.Fuzz(func(t *testing.T, text []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rows, err := readParquet(text)
		runtime.ReadMemStats(&after)
		if n := int64(after.TotalAlloc - before.TotalAlloc); n > 2*allowance(len(text)) {
			t.Errorf("%d bytes took %d: %d rows, %v", len(text), n, len(rows), err)
		}
	})
}
