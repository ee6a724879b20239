package imatrix

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/rouxml/roux/loaders/gguf"
)

const (
	sumsEnd   = ".in_sum2"
	countsEnd = ".counts"

	keyDatasets  = "imatrix.datasets"
	keyChunks    = "imatrix.chunk_count"
	keyChunkSize = "imatrix.chunk_size"
)

func parseGGUF(data []byte) (*Matrix, error) {
	h, err := gguf.ReadHeader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	md := &h.Metadata
	if kind := md.Text("general.type"); kind != "imatrix" {
		return nil, fmt.Errorf("it is a GGUF file of type %q and no importance matrix", kind)
	}
	m := &Matrix{Datasets: md.Texts(keyDatasets), Chunks: count(md, keyChunks), ChunkSize: count(md, keyChunkSize)}
	byName := map[string]*Entry{}
	for _, t := range h.Tensors {
		name, sums := strings.CutSuffix(t.Name, sumsEnd)
		name, counts := strings.CutSuffix(name, countsEnd)
		if sums == counts {
			continue // what else a later llama.cpp collects
		}
		values, err := floats(data, h, t)
		if err != nil {
			return nil, err
		}
		e := byName[name]
		if e == nil {
			e = &Entry{Name: name}
			byName[name] = e
		}
		if sums {
			e.Sums = values
			continue
		}
		for _, v := range values {
			if !(v >= 0 && v < 1<<62) {
				return nil, fmt.Errorf("tensor %q holds %v, which is no count", t.Name, v)
			}
			e.Counts = append(e.Counts, int64(math.Round(float64(v))))
		}
	}
	for _, e := range byName {
		m.Entries = append(m.Entries, *e)
	}
	return m, nil
}

// count is a number of metadata that a size may be; 0 when it is not there.
func count(md *gguf.Metadata, key string) int {
	n, ok := md.Int(key)
	if !ok || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

func floats(data []byte, h *gguf.Header, t gguf.Entry) ([]float32, error) {
	n := 1
	for _, d := range t.Shape {
		n *= d // the header's reader bounds it
	}
	at := h.Data + t.Offset
	if t.Type != 0 || at < 0 || int64(n) > (int64(len(data))-at)/4 {
		return nil, fmt.Errorf("tensor %q is not in float32 or goes beyond the file: it is damaged, or no importance matrix", t.Name)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[at+4*int64(i):]))
	}
	return out, nil
}

// GGUF returns the content of a file of today's form.
func (m *Matrix) GGUF() ([]byte, error) {
	if err := m.Sort(); err != nil {
		return nil, err
	}
	var md gguf.Metadata
	md.Set("general.type", "imatrix")
	md.Set(keyDatasets, m.Datasets)
	md.Set(keyChunks, uint64(m.Chunks))
	md.Set(keyChunkSize, uint64(m.chunk()))
	var entries []gguf.Entry
	for _, e := range m.Entries {
		n := len(e.Counts)
		entries = append(entries, gguf.NewEntry(e.Name+sumsEnd, n, e.Columns()), gguf.NewEntry(e.Name+countsEnd, n, 1))
	}
	out, err := gguf.AppendHeader(nil, &md, entries)
	if err != nil {
		return nil, err
	}
	data := len(out)
	for i, e := range m.Entries {
		counts := make([]float32, len(e.Counts))
		for j, c := range e.Counts {
			counts[j] = float32(c)
		}
		out = appendFloats(out, data+int(entries[2*i].Offset), e.Sums)
		out = appendFloats(out, data+int(entries[2*i+1].Offset), counts)
	}
	return append(out, make([]byte, -len(out)&31)...), nil // llama.cpp pads the last tensor too
}

// appendFloats appends zeros up to at, and values.
func appendFloats(dst []byte, at int, values []float32) []byte {
	dst = append(dst, make([]byte, at-len(dst))...)
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

func (m *Matrix) chunk() int {
	if m.ChunkSize > 0 {
		return m.ChunkSize
	}
	return DefaultChunk
}
