package imatrix

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The older form is: the number of entries; for each, the length of its name,
// the name, how many chunks it saw (calls), the number of columns and, for each
// column, the mean square times the calls; then the number of chunks of the run
// and the length of a path and the path, which the oldest files lack. Numbers
// have 32 bits.

// words reads such numbers; after the end it reads zeros and short is true.
type words struct {
	rest  []byte
	short bool
}

func (w *words) take(n int) []byte {
	if n < 0 || n > len(w.rest) {
		w.rest, w.short = nil, true
		return nil
	}
	b := w.rest[:n]
	w.rest = w.rest[n:]
	return b
}

func (w *words) int() int {
	b := w.take(4)
	if b == nil {
		return 0
	}
	return int(int32(binary.LittleEndian.Uint32(b)))
}

var errShort = errors.New("the file is truncated, or no importance matrix")

// parseBinary takes chunks for DefaultChunk tokens, as llama.cpp does: the file
// does not tell. Means do not depend on it.
func parseBinary(data []byte) (*Matrix, error) {
	w := &words{rest: data}
	n := w.int()
	if n < 1 || n > len(data)/16 {
		return nil, fmt.Errorf("%d entries are claimed: %w", n, errShort)
	}
	m := &Matrix{ChunkSize: DefaultChunk}
	for i := range n {
		name := string(w.take(w.int()))
		calls := w.int()
		values := w.take(4 * max(w.int(), -1))
		if w.short || name == "" || calls < 0 {
			return nil, fmt.Errorf("entry %d: %w", i+1, errShort)
		}
		e := Entry{Name: name, Sums: make([]float32, len(values)/4), Counts: []int64{int64(calls) * DefaultChunk}}
		for j := range e.Sums {
			e.Sums[j] = math.Float32frombits(binary.LittleEndian.Uint32(values[4*j:])) * DefaultChunk
		}
		m.Entries = append(m.Entries, e)
		m.Chunks = max(m.Chunks, calls)
	}
	if len(w.rest) > 0 {
		if last := w.int(); last > 0 {
			m.Chunks = last
		}
	}
	if len(w.rest) > 0 {
		if path := string(w.take(w.int())); path != "" {
			m.Datasets = []string{path}
		}
	}
	if w.short {
		return nil, errShort
	}
	return m, nil
}

// Binary returns the content of a file of the older form, which keeps the last
// dataset alone and one count for all experts. Entries that saw nothing are
// left out; experts that saw nothing weigh all columns alike.
func (m *Matrix) Binary() ([]byte, error) {
	if err := m.Sort(); err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(m.Entries), func(e Entry) bool { return slices.Max(e.Counts) == 0 })
	out := appendInt(nil, len(kept))
	for _, e := range kept {
		out = e.appendBinary(out, int64(m.chunk()))
	}
	out = appendInt(out, m.Chunks)
	path := ""
	if n := len(m.Datasets); n > 0 {
		path = m.Datasets[n-1]
	}
	return append(appendInt(out, len(path)), path...), nil
}

func (e Entry) appendBinary(out []byte, chunk int64) []byte {
	calls := (slices.Max(e.Counts) + chunk - 1) / chunk
	out = append(appendInt(out, len(e.Name)), e.Name...)
	out = appendInt(appendInt(out, int(calls)), len(e.Sums))
	for expert := range e.Counts {
		for _, mean := range e.Means(expert) {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(mean*float32(calls)))
		}
	}
	return out
}

func appendInt(dst []byte, n int) []byte { return binary.LittleEndian.AppendUint32(dst, uint32(n)) }
