// Package data reads the texts and questions that evaluations are made of: text
// files, tables in JSON lines, CSV or Parquet, and task files of
// lm-evaluation-harness. Files are not trusted: lengths are bounded and nothing
// in them is executed.
package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// Request says what to read.
type Request struct {
	// Paths are the files, of one kind.
	Paths []string
	// Field is the column of a table that holds the text.
	Field string
	// Task makes the rows questions; the first path may then be a task file.
	Task bool
	// Hub says that the files came from the Hub: they name no files outside of
	// the folder that they lie in, and a task file includes none.
	Hub bool `json:"-"`
	// Memory is how many bytes a file and what is made of it may take; 0 means no
	// bound but those of its kind.
	Memory int64 `json:"-"`
	Questions
}

// Set is what was read.
type Set struct {
	Texts  []string            // of a text file one, else one for each row
	Rows   []map[string]string // a table's columns, as text; nil for text files
	Items  []Item              // of a task
	Digest string              // of the files and the request
}

// version is raised when the same files would give other texts or questions: what
// was measured on those is kept by the digest. 2: the own reader of Parquet.
const version = 2

const (
	maxFile = 4 << 30
	maxRows = 50_000_000
)

// Read reads data.
func Read(q Request) (*Set, error) {
	r := &reading{hash: sha256.New(), memory: q.Memory}
	if r.memory <= 0 {
		r.memory = math.MaxInt64
	}
	_, _ = fmt.Fprintf(r.hash, "data %d\n", version)
	if err := json.NewEncoder(r.hash).Encode(q.identity()); err != nil {
		return nil, err
	}
	s := &Set{}
	var err error
	switch {
	case q.Task:
		s.Items, err = r.task(q)
	case isTable(q.Paths[0]):
		err = r.texts(q, s)
	case q.Field != "text":
		err = fmt.Errorf("%s is no table: remove field: %s", q.Paths[0], q.Field)
	default:
		err = r.plain(q, s)
	}
	if err != nil {
		return nil, err
	}
	s.Digest = "sha256:" + hex.EncodeToString(r.hash.Sum(nil))
	return s, nil
}

// identity is the request without where its files lie.
func (q Request) identity() Request {
	paths := make([]string, len(q.Paths))
	for i, p := range q.Paths {
		paths[i] = kindOf(p)
	}
	q.Paths = paths
	return q
}

// reading hashes all that is read.
type reading struct {
	hash   hash.Hash
	memory int64
}

// file reads a whole file.
func (r *reading) file(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name a file in it", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, and data may have %d: cut it", path, info.Size(), int64(maxFile))
	case info.Size() > r.memory:
		return nil, fmt.Errorf("%s has %s, and the budget leaves %s: raise --memory, or cut it", path, humanize.Bytes(uint64(info.Size())), humanize.Bytes(uint64(r.memory)))
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	// With the length, so that what ends one file and begins the next counts.
	_, _ = fmt.Fprintf(r.hash, "%d\n", len(text))
	_, _ = r.hash.Write(text)
	return text, nil
}

// plain takes each file as one text.
func (r *reading) plain(q Request, s *Set) error {
	for _, path := range q.Paths {
		text, err := r.file(path)
		if err != nil {
			return err
		}
		if err := written(text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.Texts = append(s.Texts, string(text))
	}
	return nil
}

// written refuses what is no text in UTF-8: numbers about it would be about
// replacement characters.
func written(text []byte) error {
	switch at := bytes.IndexByte(text, 0); {
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		return errors.New("it is text in UTF-16: write it in UTF-8 (iconv -f UTF-16 -t UTF-8)")
	case at >= 0:
		return fmt.Errorf("byte %d (line %d) is 0: it is no text", at, 1+bytes.Count(text[:at], []byte("\n")))
	case utf8.Valid(text):
		return nil
	}
	at := 0
	for r, n := utf8.DecodeRune(text); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(text[at:]) {
		at += n
	}
	return fmt.Errorf("byte %d (line %d) is not UTF-8: write the text in UTF-8 (iconv -f LATIN1 -t UTF-8, if it is Latin-1)", at, 1+bytes.Count(text[:at], []byte("\n")))
}

// texts takes each row of tables as one text.
func (r *reading) texts(q Request, s *Set) error {
	wanted := true
	for _, path := range q.Paths {
		rows, err := r.table(path)
		if err != nil {
			return err
		}
		for i, cells := range rows {
			row := flat(cells)
			s.Rows = append(s.Rows, row)
			text, ok := row[q.Field]
			switch {
			case ok && wanted && !isText(cells[q.Field]):
				return fmt.Errorf("%s: row %d: column %q is %s, and no text: leave such rows out, or say field: COLUMN", path, i+1, q.Field, kindOfValue(cells[q.Field]))
			case ok && wanted:
				s.Texts = append(s.Texts, text)
			case len(s.Rows) == 1 && q.Field == "text":
				wanted = false // a table of other columns, which the op names
			case wanted:
				return fmt.Errorf("%s: row %d has no column %q (it has %s): say field: COLUMN", path, i+1, q.Field, columns(row))
			}
		}
	}
	return nil
}

// isText says whether a cell is a text, or a number as tables without types
// have them.
func isText(v any) bool {
	switch v.(type) {
	case string, json.Number:
		return true
	}
	return false
}

func kindOfValue(v any) string {
	if v == nil {
		return "null"
	}
	return asText(v)
}

func columns(row map[string]string) string {
	var names []string
	for name := range row {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// flat writes values as text: strings as they are, others as JSON.
func flat(row map[string]any) map[string]string {
	out := make(map[string]string, len(row))
	for name, v := range row {
		out[name] = asText(v)
	}
	return out
}

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

var errNoRows = errors.New("it has no rows")

// kindOf is the ending of a file's name.
func kindOf(path string) string { return strings.ToLower(filepath.Ext(path)) }
