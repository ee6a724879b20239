// Package parquet reads the rows of Parquet files. Files are not trusted: every
// length is bounded before memory is taken for it, and what is damaged is an
// error.
//
// All encodings of the format are read, and pages that are not compressed or are
// compressed with snappy, gzip, zstd or LZ4_RAW. Encrypted files are refused.
//
// A row is a map by the names of the columns. Nulls are nil, structs
// map[string]any, lists []any, and maps map[string]any, whose keys are written as
// text. Texts, enums, JSON, and binary values are strings; those of a fixed
// length are []byte, and UUIDs their text. Whole numbers are int64, or uint64
// where the column is unsigned; floats float32 (half floats too) or float64;
// decimals json.Number with all their digits. Dates and times are text as
// Python's str writes them, those with a zone in UTC; so are INT96, which hold
// timestamps. Durations, which
// the format does not know, are the integers that stand for them.
//
// Source: the format's documents at github.com/apache/parquet-format 2.12.
package parquet

import (
	"cmp"
	"errors"
	"fmt"
)

const (
	// maxPage bounds the bytes of a page, of which one is decompressed at a time.
	maxPage = 256 << 20
	// What is made of a file may take memory by its size, and a piece for all.
	memoryShare = 64
	memoryBase  = 512 << 20
)

// reader reads one file.
type reader struct {
	file   []byte
	end    int64 // of the pages
	memory int64 // that may still be taken
	inflater
	raw     raw
	indices []uint32
}

var errMemory = errors.New("its rows take too much memory for a file of its size, or for the budget: raise --memory, or cut it into several")

// spend takes memory from what may be taken.
func (r *reader) spend(n int64) error {
	if r.memory -= n; r.memory < 0 {
		return errMemory
	}
	return nil
}

// Read reads the rows of a file, of which there may be most, and which may take
// so many bytes of memory, or fewer when that is much for the file's size. The
// rows share memory with each other, none with the file.
func Read(file []byte, most, memory int64) ([]map[string]any, error) {
	return read(file, most, min(memory, memoryBase+memoryShare*int64(len(file))))
}

// read is Read with another bound of the memory.
func read(file []byte, most, memory int64) ([]map[string]any, error) {
	f, end, err := readFooter(file)
	if err != nil {
		return nil, err
	}
	root, columns, err := build(f.schema)
	if err != nil {
		return nil, err
	}
	if err := f.check(columns, most); err != nil {
		return nil, err
	}
	r := &reader{file: file, end: end, memory: memory}
	defer r.close()
	if err := r.spend(f.rows * recordCost(len(root.children))); err != nil {
		return nil, err
	}
	rows := make([]map[string]any, f.rows)
	for i := range rows {
		rows[i] = make(map[string]any, len(root.children))
	}
	at := int64(0)
	for i, g := range f.groups {
		if err := r.group(root, columns, g, rows[at:at+g.rows]); err != nil {
			return nil, fmt.Errorf("row group %d: %w", i+1, err)
		}
		at += g.rows
	}
	return rows, nil
}

// check holds the numbers of rows and columns to each other.
func (f *footer) check(columns []*column, most int64) error {
	sum := int64(0)
	for i, g := range f.groups {
		if len(g.chunks) != len(columns) {
			return fmt.Errorf("damaged: row group %d has %d columns, and the schema %d", i+1, len(g.chunks), len(columns))
		}
		if g.rows > most-sum {
			return fmt.Errorf("it says that it has more than %d rows: cut it into several", most)
		}
		sum += g.rows
	}
	if f.rows != sum {
		return fmt.Errorf("damaged: it says that it has %d rows, and its row groups have %d", f.rows, sum)
	}
	return nil
}

// group reads a row group: one field of the rows after another.
func (r *reader) group(root *node, columns []*column, g group, rows []map[string]any) error {
	for i, c := range columns {
		if err := c.open(r, g.chunks[i]); err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	for _, field := range root.children {
		if err := r.fill(field, rows); err != nil {
			return err
		}
	}
	return nil
}

// fill reads one field of all rows.
func (r *reader) fill(field *node, rows []map[string]any) error {
	for i, row := range rows {
		err := field.begins()
		var v any
		if err == nil {
			v, err = r.read(field)
		}
		if err != nil {
			return fmt.Errorf("column %q, row %d: %w", field.name, i+1, err)
		}
		row[field.name] = v
	}
	for _, c := range field.leaves {
		if more, err := c.more(); err != nil || more {
			return fmt.Errorf("column %q: %w", field.name, cmp.Or(err, errUneven))
		}
		c.dict, c.values = nil, nil
	}
	return nil
}
