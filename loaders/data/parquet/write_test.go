package parquet

import (
	"encoding/binary"
	"slices"
)

// A value of the compact protocol, to build files that no writer would write.
type wire struct {
	kind byte
	body []byte
}

func wireInt(v int64) wire {
	return wire{thriftI64, binary.AppendVarint(nil, v)}
}

func wireText(s string) wire {
	return wire{thriftBinary, append(binary.AppendUvarint(nil, uint64(len(s))), s...)}
}

func wireList(items ...wire) wire {
	kind := byte(thriftStruct)
	if len(items) > 0 {
		kind = items[0].kind
	}
	b := binary.AppendUvarint([]byte{0xf0 | kind}, uint64(len(items)))
	for _, i := range items {
		b = append(b, i.body...)
	}
	return wire{thriftList, b}
}

// wireStruct has fields in any order of their ids.
func wireStruct(fields map[int16]wire) wire {
	ids := make([]int16, 0, len(fields))
	for id := range fields {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var b []byte
	for _, id := range ids {
		b = append(b, fields[id].kind)
		b = append(binary.AppendVarint(b, int64(id)), fields[id].body...)
	}
	return wire{thriftStruct, append(b, 0)}
}

type fields = map[int16]wire

// file is a file of one row group and one column behind its nodes of the schema.
type file struct {
	nodes    []wire
	physical physical
	codec    int64
	rows     int64
	values   int64
	pages    []byte
	groups   int // that all have the same pages
}

func (f file) bytes() []byte {
	out := append([]byte(magic), f.pages...)
	meta := wireStruct(fields{1: wireInt(int64(f.physical)), 4: wireInt(f.codec), 5: wireInt(f.values), 9: wireInt(4)})
	group := wireStruct(fields{1: wireList(wireStruct(fields{3: meta})), 3: wireInt(f.rows)})
	groups := slices.Repeat([]wire{group}, max(f.groups, 1))
	foot := wireStruct(fields{2: wireList(f.nodes...), 3: wireInt(f.rows * int64(len(groups))), 4: wireList(groups...)}).body
	out = append(out, foot...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(foot))), magic...)
}

func wireNode(name string, more fields) wire {
	more[4] = wireText(name)
	return wireStruct(more)
}

// flat is a schema of one column.
func flat(p physical, repetition int64) []wire {
	return []wire{wireNode("schema", fields{5: wireInt(1)}), wireNode("x", fields{1: wireInt(int64(p)), 3: wireInt(repetition)})}
}

// wirePage is a page of version 1, whose head says its size.
func wirePage(kind, size, values, encoding int64, body []byte) []byte {
	head := wireStruct(fields{1: wireInt(values), 2: wireInt(encoding), 3: wireInt(runLength), 4: wireInt(runLength)})
	id := int16(5)
	if kind == dictionaryPage {
		id = 7
	}
	h := wireStruct(fields{1: wireInt(kind), 2: wireInt(size), 3: wireInt(int64(len(body))), id: head})
	return append(h.body, body...)
}

// run is n levels that are all the same.
type run struct {
	n     uint64
	level byte
}

// wireRuns is levels behind their length.
func wireRuns(runs ...run) []byte {
	var b []byte
	for _, r := range runs {
		b = append(binary.AppendUvarint(b, r.n<<1), r.level)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// wireData is a data page that is not compressed.
func wireData(values, encoding int64, body ...[]byte) []byte {
	all := slices.Concat(body...)
	return wirePage(dataPage, int64(len(all)), values, encoding, all)
}

// steady is n numbers of the encoding DELTA_BINARY_PACKED, which begin at first
// and grow by step, in two bytes for 128 of them.
func steady(n uint64, first, step int64) []byte {
	b := binary.AppendUvarint([]byte{0x80, 1, 1}, n)
	b = binary.AppendVarint(b, first)
	for at := uint64(1); at < n; at += 128 {
		b = append(binary.AppendVarint(b, step), 0)
	}
	return b
}
