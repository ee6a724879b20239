package data

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/rouxml/roux/loaders/data/parquet"
)

// isTable says whether a file holds rows.
func isTable(path string) bool {
	switch kindOf(path) {
	case ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet":
		return true
	}
	return false
}

// table reads the rows of a file.
func (r *reading) table(path string) ([]map[string]any, error) {
	text, err := r.file(path)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // as Windows writes it
	if kindOf(path) != ".parquet" {
		if err := written(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var rows []map[string]any
	switch kindOf(path) {
	case ".csv":
		rows, err = readCSV(text, ',')
	case ".tsv":
		rows, err = readCSV(text, '\t')
	case ".parquet":
		rows, err = parquet.Read(text, maxRows, r.memory-int64(len(text)))
	case ".json":
		rows, err = readArray(text)
	default:
		rows, err = readLines(text)
	}
	if err == nil && len(rows) == 0 {
		err = errNoRows
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// readLines reads JSON lines: an object on each.
func readLines(text []byte) ([]map[string]any, error) {
	var rows []map[string]any
	for number := 1; len(text) > 0; number++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		row, err := object(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if rows = append(rows, row); len(rows) > maxRows {
			return nil, fmt.Errorf("more than %d rows", maxRows)
		}
	}
	return rows, nil
}

// object reads one JSON object; numbers stay as they are written.
func object(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var row map[string]any
	if err := d.Decode(&row); err != nil {
		return nil, fmt.Errorf("want a JSON object: %w", err)
	}
	if row == nil {
		return nil, errors.New("want a JSON object, found null")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object: write one on a line")
	}
	return row, nil
}

// readArray reads a JSON list of objects; JSON lines are taken too.
func readArray(text []byte) ([]map[string]any, error) {
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '[' {
		return readLines(text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var rows []map[string]any
	if err := d.Decode(&rows); err != nil {
		return nil, fmt.Errorf("want a list of JSON objects: %w", err)
	}
	if i := slices.IndexFunc(rows, func(row map[string]any) bool { return row == nil }); i >= 0 {
		return nil, fmt.Errorf("row %d: want a JSON object, found null", i+1)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list of JSON objects: write one list")
	}
	return rows, nil
}

// readCSV reads a table whose first line names the columns.
func readCSV(text []byte, comma rune) ([]map[string]any, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.LazyQuotes = comma, comma == '\t'
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	for i, name := range head {
		if slices.Contains(head[:i], name) {
			return nil, fmt.Errorf("line 1: two columns have the name %q", name)
		}
	}
	var rows []map[string]any
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		row := make(map[string]any, len(head))
		for i, name := range head {
			row[name] = cellOf(cells[i])
		}
		if rows = append(rows, row); len(rows) > maxRows {
			return nil, fmt.Errorf("more than %d rows", maxRows)
		}
	}
}

// cellOf takes a cell for a number where it is spelled as a whole one, as JSON
// would tell the two apart.
func cellOf(cell string) any {
	if n, err := strconv.Atoi(cell); err == nil && strconv.Itoa(n) == cell {
		return json.Number(cell)
	}
	return cell
}
