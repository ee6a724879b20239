// Package imatrix reads and writes llama.cpp's importance matrices: for each
// weight, sums of squares of what it is multiplied with, by column. They are
// GGUF files today and had a binary form of their own before; both are read by
// content.
package imatrix

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
)

// Matrix is all that a file holds.
type Matrix struct {
	Entries []Entry // in the order of their names
	// Chunks is how many chunks of text were run, of ChunkSize tokens each.
	Chunks, ChunkSize int
	Datasets          []string // paths of the texts
}

// Entry is about one weight, or the stacked weights of experts.
type Entry struct {
	Name string // ggml's, such as "blk.0.attn_q.weight"
	// Sums holds, for each expert one after another, a sum of squares a column.
	Sums []float32
	// Counts are the tokens that each expert saw; one count without experts.
	// The older form keeps one for all.
	Counts []int64
}

// DefaultChunk is the size of chunks that llama.cpp takes unless told, and
// which files of the older form do not say.
const DefaultChunk = 512

// Columns is how many inputs the weight has.
func (e Entry) Columns() int { return len(e.Sums) / max(len(e.Counts), 1) }

// Means returns the mean square of each input of an expert, which is 1 for one
// that saw nothing: llama.cpp then weighs all columns alike.
func (e Entry) Means(expert int) []float32 {
	n := e.Columns()
	out := make([]float32, n)
	count := e.Counts[min(expert, len(e.Counts)-1)]
	for i, s := range e.Sums[expert*n : (expert+1)*n] {
		if out[i] = 1; count > 0 {
			out[i] = s / float32(count)
		}
	}
	return out
}

// Find returns the entry of a weight.
func (m *Matrix) Find(name string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(m.Entries, name, func(e Entry, n string) int { return cmp.Compare(e.Name, n) })
	if !ok {
		return Entry{}, false
	}
	return m.Entries[i], true
}

// Sort puts the entries in the order of their names, and refuses what no file
// may hold: names that stand twice, sums that are no whole matrices or no
// numbers from 0 on.
func (m *Matrix) Sort() error {
	slices.SortFunc(m.Entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	for i, e := range m.Entries {
		if err := e.check(); err != nil {
			return fmt.Errorf("entry %.100q: %w", e.Name, err)
		}
		if i > 0 && m.Entries[i-1].Name == e.Name {
			return fmt.Errorf("entry %q stands twice", e.Name)
		}
	}
	return nil
}

func (e Entry) check() error {
	const longest = 1 << 10
	if len(e.Name) > longest {
		return fmt.Errorf("the name has %d bytes, more than %d", len(e.Name), longest)
	}
	if e.Name == "" || len(e.Counts) == 0 || len(e.Sums) == 0 || len(e.Sums)%len(e.Counts) != 0 {
		return fmt.Errorf("%d sums do not belong to %d counts", len(e.Sums), len(e.Counts))
	}
	for i, s := range e.Sums {
		if !(s >= 0) || math.IsInf(float64(s), 0) {
			return fmt.Errorf("the sum of squares of column %d is %v: make the matrix anew", i%e.Columns(), s)
		}
	}
	if least := slices.Min(e.Counts); least < 0 {
		return fmt.Errorf("a count is %d", least)
	}
	return nil
}

// maxFile bounds what is read; the matrices of models of 400 billion weights
// have a few hundred megabytes.
const maxFile = 2 << 30

// Open reads a file of either form.
func Open(path string) (*Matrix, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s has %d bytes: that is no importance matrix", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

var errEmpty = errors.New("it holds no entries: it is no importance matrix, or of a run that saw too little text")

// Parse reads the content of a file of either form.
func Parse(data []byte) (m *Matrix, err error) {
	if len(data) >= 4 && string(data[:4]) == "GGUF" {
		m, err = parseGGUF(data)
	} else {
		m, err = parseBinary(data)
	}
	if err != nil {
		return nil, err
	}
	if len(m.Entries) == 0 {
		return nil, errEmpty
	}
	return m, m.Sort()
}
