package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// readParquet reads the rows of a Parquet file.
func readParquet(text []byte) (rows []map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			rows, err = nil, fmt.Errorf("damaged: %v", r)
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	// Rows of texts take bits at least, so that a few bytes cannot say millions.
	if most := min(maxRows, 1000+16*int64(len(text))); f.NumRows() > most {
		return nil, fmt.Errorf("it says that it has %d rows, and may have %d", f.NumRows(), most)
	}
	r := parquet.NewGenericReader[any](f)
	defer func() { _ = r.Close() }()
	some := make([]any, 256)
	for {
		clear(some)
		n, err := r.Read(some)
		for _, row := range some[:n] {
			m, ok := row.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("row %d is no record", len(rows)+1)
			}
			rows = append(rows, m)
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err == nil && (n == 0 || int64(len(rows)) > f.NumRows()) {
			err = fmt.Errorf("damaged: it says %d rows", f.NumRows())
		}
		if err != nil {
			return nil, err
		}
	}
}
