// Package logits reads and writes the files in which llama.cpp keeps what a
// model predicts (llama-perplexity --kl-divergence-base): the tokens of disjoint
// chunks, and for the second half of each the log probabilities of all tokens in
// 16 bits. Files are not trusted: lengths are held to the file's size.
//
// All numbers are little-endian. After the magic stand the tokens of a chunk,
// the size of the vocabulary and the number of chunks, in 32 bits, and the
// tokens; then a row for each scored position: a scale and a least value in
// float32, and a number of 16 bits for each token, whose log probability is
// scale times it plus the least value. Rows are padded to an even count.
package logits

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/rouxml/roux/loaders"
)

const magic = "_logits_"

const (
	headBytes = len(magic) + 12
	maxVocab  = 1 << 24
	maxTokens = 1 << 28
)

// Shape says how much a file holds.
type Shape struct {
	Context, Vocab, Chunks int
}

// Rows is how many positions of a chunk have a row: the tokens behind its
// middle but for the last, whose next is not known.
func (s Shape) Rows() int { return s.Context - 1 - s.Context/2 }

func (s Shape) rowBytes() int64 { return 2 * int64(2*((s.Vocab+1)/2)+4) }

// begin is where the rows begin.
func (s Shape) begin() int64 { return int64(headBytes) + 4*int64(s.Context)*int64(s.Chunks) }

// Size is the file's, in bytes.
func (s Shape) Size() int64 { return s.begin() + int64(s.Chunks)*int64(s.Rows())*s.rowBytes() }

func (s Shape) check() error {
	if s.Context < 3 || s.Vocab < 1 || s.Vocab > maxVocab || s.Chunks < 1 || int64(s.Context)*int64(s.Chunks) > maxTokens {
		return fmt.Errorf("%d chunks of %d tokens of a vocabulary of %d: damaged, or no file of log probabilities", s.Chunks, s.Context, s.Vocab)
	}
	return nil
}

// File is such a file. Its rows are read when they are asked for. Close ends its
// use.
type File struct {
	*loaders.Late
	Shape
	path   string
	tokens []int32
}

// Open reads the head of a file.
func Open(path string) (out *File, err error) {
	late, err := loaders.OpenLate(path, func(f *os.File, size int64) (err error) {
		out, err = read(f, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.Late, out.path = late, path
	return out, nil
}

func read(r io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, headBytes)
	if _, err := r.ReadAt(head, 0); err != nil || string(head[:len(magic)]) != magic {
		return nil, errors.New("it is no file of log probabilities that llama-perplexity --kl-divergence-base wrote")
	}
	word := func(i int) int { return int(int32(binary.LittleEndian.Uint32(head[len(magic)+4*i:]))) }
	f := &File{Shape: Shape{Context: word(0), Vocab: word(1), Chunks: word(2)}}
	if err := f.check(); err != nil {
		return nil, err
	}
	if size != f.Size() {
		return nil, fmt.Errorf("it has %d bytes, and %d chunks of %d tokens of a vocabulary of %d take %d: truncated or damaged", size, f.Chunks, f.Context, f.Vocab, f.Size())
	}
	text := make([]byte, 4*f.Context*f.Chunks)
	if _, err := r.ReadAt(text, int64(headBytes)); err != nil {
		return nil, err
	}
	f.tokens = make([]int32, f.Context*f.Chunks)
	for i := range f.tokens {
		id := int32(binary.LittleEndian.Uint32(text[4*i:]))
		if id < 0 || int(id) >= f.Vocab {
			return nil, fmt.Errorf("token %d of %d: damaged", id, f.Vocab)
		}
		f.tokens[i] = id
	}
	return f, nil
}

// Sizes returns the tokens of a chunk, those of the vocabulary, and the chunks.
func (f *File) Sizes() (context, vocab, chunks int) { return f.Context, f.Vocab, f.Chunks }

// Tokens are those of a chunk. The first may stand for the beginning of a text,
// which the model saw in its place.
func (f *File) Tokens(chunk int) []int32 {
	return f.tokens[chunk*f.Context : (chunk+1)*f.Context]
}

// LogProbs fills in the log probabilities of all tokens behind a scored
// position: row 0 is that of the token in the middle of the chunk. It may be
// called from several goroutines.
func (f *File) LogProbs(chunk, row int, into []float32) error {
	text := make([]byte, f.rowBytes())
	if err := f.Fill(text, f.begin()+int64(chunk*f.Rows()+row)*f.rowBytes()); err != nil {
		return err
	}
	scale, least := math.Float32frombits(binary.LittleEndian.Uint32(text)), math.Float32frombits(binary.LittleEndian.Uint32(text[4:]))
	for i := range into[:f.Vocab] {
		v := float32(scale*float32(binary.LittleEndian.Uint16(text[8+2*i:]))) + least
		if v != v || v > 1 {
			return fmt.Errorf("%s: chunk %d, row %d: a log probability of %v: damaged", f.path, chunk, row, v)
		}
		into[i] = v
	}
	return nil
}
