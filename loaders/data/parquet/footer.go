package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	magic     = "PAR1"
	maxFooter = 64 << 20
)

var errEncrypted = errors.New("it is encrypted: write it without encryption")

// footer is the part of a file's metadata that is read.
type footer struct {
	schema []element
	rows   int64
	groups []group
}

// element is a node of the schema, in the order of a walk.
type element struct {
	name       string
	physical   physical
	length     int32 // of FIXED_LEN_BYTE_ARRAY
	repetition int32
	children   int32
	logical    logical
}

// group is a row group.
type group struct {
	rows   int64
	chunks []chunk
}

// chunk is where a column of a row group lies.
type chunk struct {
	physical physical
	codec    int32
	values   int64
	at       int64 // of its first page
}

// readFooter reads the metadata at a file's end, and says where that begins.
func readFooter(file []byte) (*footer, int64, error) {
	if len(file) < 12 || string(file[:4]) != magic && string(file[:4]) != "PARE" {
		return nil, 0, errors.New("it is no Parquet file: it does not begin with PAR1")
	}
	end := len(file) - 8
	switch tail := string(file[end+4:]); {
	case tail == "PARE":
		return nil, 0, errEncrypted
	case tail != magic:
		return nil, 0, errors.New("it does not end with PAR1: it was cut off, fetch it again")
	}
	size := int64(binary.LittleEndian.Uint32(file[end:]))
	if size > maxFooter || size > int64(end-4) {
		return nil, 0, fmt.Errorf("damaged: its metadata has %d bytes, and may have %d", size, min(maxFooter, end-4))
	}
	at := int64(end) - size
	f := &footer{rows: -1}
	_, err := decode(file[at:end], f.field)
	if err != nil {
		return nil, 0, fmt.Errorf("damaged: %w", err)
	}
	return f, at, nil
}

func (f *footer) field(t *thrift, id int16) {
	switch id {
	case 2:
		t.list(func() {
			if f.schema = append(f.schema, readElement(t)); len(f.schema) > maxColumns {
				t.fail("it has more than %d columns", maxColumns)
			}
		})
	case 3:
		f.rows = t.int()
	case 4:
		t.list(func() { f.groups = append(f.groups, readGroup(t)) })
	case 8: // the algorithm of columns that are encrypted below a plain footer
		t.fail("%w", errEncrypted)
	}
}

func readElement(t *thrift) element {
	e := element{physical: -1, logical: logical{converted: -1}}
	named := false
	t.record(func(id int16) {
		switch id {
		case 1:
			e.physical = physical(t.int32())
		case 2:
			e.length = t.int32()
		case 3:
			e.repetition = t.int32()
		case 4:
			e.name, named = t.text(), true
		case 5:
			e.children = t.int32()
		case 6:
			e.logical.converted = t.int32()
		case 7:
			e.logical.scale = t.int32()
		case 10:
			e.logical.read(t)
		}
	})
	if !named {
		t.fail("a column has no name")
	}
	return e
}

func readGroup(t *thrift) group {
	g := group{rows: -1}
	t.record(func(id int16) {
		switch id {
		case 1:
			t.list(func() { g.chunks = append(g.chunks, readChunk(t)) })
		case 3:
			g.rows = t.int()
		}
	})
	if g.rows < 0 {
		t.fail("a row group has %d rows", g.rows)
	}
	return g
}

func readChunk(t *thrift) chunk {
	c := chunk{physical: -1, codec: -1, values: -1, at: -1}
	t.record(func(id int16) {
		switch id {
		case 1:
			if file := t.text(); file != "" {
				t.fail("its columns lie in other files, such as %s: write it as one file", file)
			}
		case 3:
			c.read(t)
		case 8, 9:
			t.fail("%w", errEncrypted)
		}
	})
	if c.physical < 0 || c.codec < 0 || c.values < 0 || c.at < 0 {
		t.fail("a column of a row group lacks its type, codec, count or place")
	}
	return c
}

func (c *chunk) read(t *thrift) {
	dictionary := int64(0)
	t.record(func(id int16) {
		switch id {
		case 1:
			c.physical = physical(t.int32())
		case 4:
			c.codec = t.int32()
		case 5:
			c.values = t.int()
		case 9:
			c.at = t.int()
		case 11:
			dictionary = t.int()
		}
	})
	// Some writers set the dictionary's place to 0 when there is none.
	if dictionary > 0 && dictionary < c.at {
		c.at = dictionary
	}
}
