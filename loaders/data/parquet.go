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
	if f.NumRows() > maxRows {
		return nil, fmt.Errorf("more than %d rows", maxRows)
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
		if err != nil {
			return nil, err
		}
	}
}
