package torch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxPickle bounds what is read of one pickle. A tensor takes about two
// hundred bytes of it, so this is far more than any model has.
const maxPickle = 64 << 20

// scanner reads a pickle byte by byte and knows where it is.
type scanner struct {
	r    *bufio.Reader
	at   int64 // of the next byte, from the beginning of the pickle's file
	left int64 // bytes that may still be read
}

func newScanner(r io.Reader) *scanner { return &scanner{r: bufio.NewReader(r), left: maxPickle} }

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("byte %d of the pickle: %w", s.at, fmt.Errorf(format, args...))
}

// take reads exactly n bytes. Memory grows with what is really there, not with
// what a length claims.
func (s *scanner) take(n uint64) ([]byte, error) {
	if n > uint64(s.left) {
		return nil, s.fail("%d bytes are claimed, more than a pickle of tensors has: the file is damaged", n)
	}
	b, err := s.read(int(n))
	if err != nil {
		return nil, s.ended(err)
	}
	s.at += int64(n)
	s.left -= int64(n)
	return b, nil
}

func (s *scanner) read(n int) ([]byte, error) {
	if n <= 4096 {
		b := make([]byte, n)
		_, err := io.ReadFull(s.r, b)
		return b, err
	}
	var b bytes.Buffer
	_, err := io.CopyN(&b, s.r, int64(n))
	return b.Bytes(), err
}

func (s *scanner) ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.fail("the pickle ends too early: the file is truncated; fetch it again")
	}
	return s.fail("%w", err)
}

func (s *scanner) byte() (byte, error) {
	if s.left == 0 {
		return 0, s.fail("the pickle is longer than %d bytes", maxPickle)
	}
	c, err := s.r.ReadByte()
	if err != nil {
		return 0, s.ended(err)
	}
	s.at++
	s.left--
	return c, nil
}

// uint reads a little-endian number of up to eight bytes.
func (s *scanner) uint(size int) (uint64, error) {
	b, err := s.take(uint64(size))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// counted reads bytes behind their number, which has size bytes.
func (s *scanner) counted(size int) ([]byte, error) {
	n, err := s.uint(size)
	if err != nil {
		return nil, err
	}
	return s.take(n)
}

// line reads up to a newline, as the oldest opcodes have their operands.
func (s *scanner) line() (string, error) {
	var b []byte
	for {
		c, err := s.byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(b), nil
		}
		if b = append(b, c); len(b) > 1024 {
			return "", s.fail("a name of more than 1024 bytes")
		}
	}
}
