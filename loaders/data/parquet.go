package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// readParquet reads the rows of a Parquet file, which take at most
// allowance(len(text)) bytes of memory with all that reading them needs.
func readParquet(text []byte) (rows []map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			rows, err = nil, fmt.Errorf("damaged: %v", r)
		}
	}()
	if err := vetFooter(text); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if err := vetPages(f, text); err != nil {
		return nil, err
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
