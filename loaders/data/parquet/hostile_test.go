package parquet

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
)

const (
	million = 1_000_000
	base    = 16 << 20 // of the memory that a test lets be taken
)

func bound(file []byte) int64 { return base + memoryShare*int64(len(file)) }

// mustRefuse holds that a file is refused, and what that may take of memory.
func mustRefuse(t *testing.T, name, want string, file []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := read(file, 50*million, bound(file))
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: want an error with %q, got %v", name, want, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(bound(file)) {
		t.Errorf("%s: a file of %d bytes took %d MB", name, len(file), took>>20)
	}
}

// TestHostilePages: pages that say much and hold little are refused, before
// memory is taken for what they say.
func TestHostilePages(t *testing.T) {
	const memory = "too much memory"
	bomb := s2.EncodeSnappy(nil, make([]byte, 200<<20))
	lists := []wire{wireNode("schema", fields{5: wireInt(1)})}
	for range 39 {
		lists = append(lists, wireNode("g", fields{3: wireInt(2), 5: wireInt(1)}))
	}
	lists = append(lists, wireNode("x", fields{1: wireInt(int64(int32s)), 3: wireInt(2)}))
	for _, c := range []struct {
		name, want string
		file       file
	}{
		{"rows", memory, file{nodes: flat(int32s, optional), rows: 40 * million, values: 40 * million, pages: wireData(40*million, plain, wireRuns(run{40 * million, 0}))}},
		{"elements", memory, file{nodes: flat(int32s, repeated), rows: 1, values: 1 << 31, pages: wireData(1<<31-1, plain, wireRuns(run{1, 0}, run{1 << 31, 1}), wireRuns(run{1 << 31, 0}))}},
		{"values", memory, file{nodes: flat(int32s, repeated), rows: 1, values: million, pages: wireData(million, deltaPacked, wireRuns(run{1, 0}, run{million, 1}), wireRuns(run{million, 1}), steady(million, 0, 1))}},
		{"lists", memory, file{nodes: lists, rows: 1, values: 200_000, pages: wireData(200_000, deltaPacked, wireRuns(run{1, 0}, run{200_000, 1}), wireRuns(run{200_000, 40}), steady(200_000, 0, 1))}},
		{"page", "and may have 268435456", file{nodes: flat(int32s, required), rows: 1, values: 1, codec: gzipped, pages: wirePage(dataPage, 1<<31-1, 1, plain, []byte{1})}},
		{"bomb", memory, file{nodes: flat(int32s, required), rows: 1, values: 1, codec: snappy, pages: wirePage(dataPage, 200<<20, 1, plain, bomb[:1000])}},
		{"not a bomb", "not as long as it says", file{nodes: flat(int32s, required), rows: 1, values: 1, codec: snappy, pages: wirePage(dataPage, 4, 1, plain, bomb[:1000])}},
		{"dictionary", memory, file{nodes: flat(fixedArrays, required), rows: 1, values: 1, pages: wirePage(dictionaryPage, 0, 1<<31-1, plain, nil)}},
		{"prefixes", memory, file{nodes: flat(byteArrays, required), rows: 20_000, values: 20_000, pages: wireData(20_000, deltaPrefix, steady(20_000, 0, 1), steady(20_000, 1, 0), bytes.Repeat([]byte("a"), 20_000))}},
		{"wrong prefix", "more in common", file{nodes: flat(byteArrays, required), rows: 2, values: 2, pages: wireData(2, deltaPrefix, steady(2, 0, 1<<32+9), steady(2, 1, 0), []byte("ab"))}},
		{"long prefix", "more in common", file{nodes: flat(byteArrays, required), rows: 2, values: 2, pages: wireData(2, deltaPrefix, steady(2, 1, 0), steady(2, 1, 0), []byte("ab"))}},
		{"empty pages", "pages have more values", file{nodes: flat(int32s, required), rows: 1, values: 1, pages: slices.Concat(bytes.Repeat(wireData(0, plain), 1000), wireData(2, plain))}},
		{"one page for all", memory, file{nodes: flat(int32s, required), rows: 1, values: 1, groups: 30_000, pages: append(bytes.Repeat(wireData(0, plain), 50_000), wireData(1, plain, make([]byte, 4))...)}},
		{"index", "number 7 of a dictionary of 1", file{nodes: flat(int32s, required), rows: 1, values: 1, pages: slices.Concat(wirePage(dictionaryPage, 4, 1, plain, make([]byte, 4)), wireData(1, dictionaryCoded, []byte{8, 2, 7}))}},
		{"no dictionary", "has no dictionary", file{nodes: flat(int32s, required), rows: 1, values: 1, pages: wireData(1, dictionaryCoded, []byte{8, 2, 7})}},
		{"width", "numbers of 200 bits", file{nodes: flat(int32s, required), rows: 1, values: 1, pages: slices.Concat(wirePage(dictionaryPage, 4, 1, plain, make([]byte, 4)), wireData(1, dictionaryCoded, []byte{200, 2, 7}))}},
		{"level", "a level is 3", file{nodes: flat(int32s, optional), rows: 1, values: 1, pages: wireData(1, plain, wireRuns(run{1, 3}))}},
		{"uneven", "do not agree", file{nodes: flat(int32s, required), rows: 2, values: 1, pages: wireData(1, plain, make([]byte, 4))}},
		{"begins inside", "do not agree", file{nodes: flat(int32s, repeated), rows: 1, values: 1, pages: wireData(1, plain, wireRuns(run{1, 1}), wireRuns(run{1, 0}))}},
	} {
		if c.file.physical = int32s; c.name == "dictionary" {
			c.file.physical = fixedArrays
		} else if strings.Contains(c.name, "prefix") {
			c.file.physical = byteArrays
		}
		mustRefuse(t, c.name, c.want, c.file.bytes())
	}
}

// TestHostileMetadata: so is metadata.
func TestHostileMetadata(t *testing.T) {
	deep := []wire{wireNode("schema", fields{5: wireInt(1)})}
	for range 1000 {
		deep = append(deep, wireNode("g", fields{3: wireInt(1), 5: wireInt(1)}))
	}
	node := flat(int32s, required)[1]
	framed := func(foot []byte) []byte {
		return slices.Concat([]byte(magic), foot, []byte{byte(len(foot)), byte(len(foot) >> 8), byte(len(foot) >> 16), 0}, []byte(magic))
	}
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"rows", "more than 50000000 rows", file{nodes: flat(int32s, optional), rows: 60 * million}.bytes()},
		{"row groups", "more than 50000000 rows", file{nodes: flat(int32s, optional), rows: 1<<63 - 1, groups: 4}.bytes()},
		{"negative", "a row group has -1 rows", file{nodes: flat(int32s, optional), rows: -1}.bytes()},
		{"depth", "nests too deeply", file{nodes: deep}.bytes()},
		{"columns", "says that it has 1073741824 columns", file{nodes: []wire{wireNode("schema", fields{5: wireInt(1 << 30)})}}.bytes()},
		{"many columns", "more than 100000 columns", file{nodes: slices.Repeat([]wire{node}, 200_000)}.bytes()},
		{"two of a name", `two columns have the name "x"`, file{nodes: []wire{wireNode("schema", fields{5: wireInt(2)}), node, node}}.bytes()},
		{"too many", "1 columns too many", file{nodes: append(flat(int32s, required), node)}.bytes()},
		{"nesting", "nests too deeply", framed(bytes.Repeat([]byte{0x1c}, 1<<20))},
		{"lists", "nests too deeply", framed(append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 1<<20)...))},
		{"a list", "bytes are left", framed([]byte{0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 7, 0})},
		{"a map", "bytes are left", framed([]byte{0x1b, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x55, 0, 7, 0})},
		{"an unknown type", "unknown type 14", framed([]byte{0x1e, 0})},
		{"no metadata", "it has no schema", framed([]byte{0})},
		{"long metadata", "its metadata has", append([]byte("PAR1....\xff\xff\xff\x7f"), magic...)},
	} {
		mustRefuse(t, c.name, c.want, c.file)
	}
}
