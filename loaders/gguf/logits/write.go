package logits

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/rouxml/roux/loaders"
)

// lowest is how far below the likeliest token others are told apart.
const lowest = 16

// Writer writes a file, which is there when it is whole.
type Writer struct {
	Shape
	f *loaders.PendingFile
}

// Create begins a file with the tokens of all chunks.
func Create(path string, s Shape, tokens []int32) (*Writer, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if len(tokens) != s.Context*s.Chunks {
		return nil, fmt.Errorf("%d tokens for %d chunks of %d", len(tokens), s.Chunks, s.Context)
	}
	f, err := loaders.CreateFile(path)
	if err != nil {
		return nil, err
	}
	head := []byte(magic)
	for _, v := range []int{s.Context, s.Vocab, s.Chunks} {
		head = binary.LittleEndian.AppendUint32(head, uint32(v))
	}
	for _, id := range tokens {
		head = binary.LittleEndian.AppendUint32(head, uint32(id))
	}
	w := &Writer{s, f}
	if _, err := f.Write(head); err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	return w, nil
}

// Row writes what a model predicts behind a scored position, by its logits. It
// may be called in any order and from several goroutines.
func (w *Writer) Row(chunk, row int, z []float32) error {
	_, err := w.f.WriteAt(pack(z, w.rowBytes()), w.begin()+int64(chunk*w.Rows()+row)*w.rowBytes())
	return err
}

// pack spreads 16 bits over the log probabilities down to the least, or to
// lowest below the largest.
func pack(z []float32, size int64) []byte {
	most, least := z[0], z[0]
	for _, v := range z {
		most, least = max(most, v), min(least, v)
	}
	least = max(least, most-lowest)
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(float64(v - most))
	}
	scale := (most - least) / 65535
	out := make([]byte, size)
	binary.LittleEndian.PutUint32(out, math.Float32bits(scale))
	binary.LittleEndian.PutUint32(out[4:], math.Float32bits(least-most-float32(math.Log(sum))))
	for i, v := range z {
		if v > least {
			q := math.RoundToEven(float64(v-least) / float64(scale))
			binary.LittleEndian.PutUint16(out[8+2*i:], uint16(min(q, 65535)))
		}
	}
	return out
}

// Commit makes the file appear.
func (w *Writer) Commit() error {
	if err := w.f.Truncate(w.Size()); err != nil {
		return errors.Join(err, w.f.Discard())
	}
	return w.f.Commit()
}

// Discard leaves nothing behind.
func (w *Writer) Discard() error { return w.f.Discard() }
