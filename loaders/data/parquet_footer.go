package data

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// allowance is how much memory a Parquet file of so many bytes may take. Runs
// and dictionaries make much of little: a file of a few bytes can say a
// thousand million texts.
func allowance(size int) int64 { return 256<<20 + 32*int64(size) }

// errGreedy says what a file wants.
func errGreedy(size int) error {
	return fmt.Errorf("its rows would take more than %d MB of memory, which is 256 MB and 32 times its size: cut it into several files", allowance(size)>>20)
}

const (
	footerItem = 512 // bytes that the library takes for an element of a list
	maxNesting = 32  // of columns
)

// vetFooter holds what the footer claims to its bytes before the library
// allocates it.
func vetFooter(text []byte) error {
	if len(text) < 12 || string(text[len(text)-4:]) != "PAR1" {
		return errors.New("it does not end as a Parquet file does: it is truncated or none")
	}
	end := len(text) - 8
	n := binary.LittleEndian.Uint32(text[end:])
	if uint64(n) > uint64(end-4) {
		return fmt.Errorf("damaged: its footer claims %d bytes of %d", n, len(text))
	}
	c := compact{text: text[end-int(n) : end]}
	if err := c.structure(0); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if c.items > allowance(len(text))/4/footerItem {
		return errGreedy(len(text))
	}
	var protocol thrift.CompactProtocol
	var m format.FileMetaData
	if err := thrift.NewDecoder(protocol.NewReaderFromBytes(c.text)).Decode(&m); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if m.NumRows < 0 || m.NumRows > maxRows {
		return fmt.Errorf("it says that it has %d rows, and may have %d", m.NumRows, int64(maxRows))
	}
	return vetSchema(m.Schema)
}

// vetSchema bounds how deep columns are nested: the library recurses before it
// checks.
func vetSchema(list []format.SchemaElement) error {
	var open []int64 // children that are still to come, by depth
	for _, e := range list {
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		if e.NumChildren.V > 0 {
			if open = append(open, int64(e.NumChildren.V)); len(open) > maxNesting {
				return fmt.Errorf("its columns are nested more than %d deep", maxNesting)
			}
		}
	}
	return nil
}
