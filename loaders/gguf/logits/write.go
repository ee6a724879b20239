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

// Writer writes a file, which is there when it is whole. Commit or Discard ends
// it.
type Writer struct {
	Shape
	*loaders.StagedFile
}

// Create begins a file with the tokens of all chunks, for which the disk must
// have room.
func Create(path string, s Shape, tokens []int32) (*Writer, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if len(tokens) != s.Context*s.Chunks {
		return nil, fmt.Errorf("%d tokens for %d chunks of %d", len(tokens), s.Chunks, s.Context)
	}
	f, err := loaders.StageFile(path, s.Size(), false, loaders.StageOptions{})
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
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	return &Writer{s, f}, nil
}

// Row writes what a model predicts behind a scored position, by its logits. It
// may be called in any order and from several goroutines.
func (w *Writer) Row(chunk, row int, z []float32) error {
	_, err := w.WriteAt(pack(z, w.rowBytes()), w.begin()+int64(chunk*w.Rows()+row)*w.rowBytes())
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
