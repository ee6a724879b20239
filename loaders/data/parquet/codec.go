package parquet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Codecs of pages.
const (
	uncompressed = 0
	snappy       = 1
	gzipped      = 2
	zstandard    = 6
	lz4Raw       = 7
)

// refused are the codecs that are not read.
var refused = map[int32]string{3: "LZO", 4: "Brotli", 5: "the old LZ4"}

// checkCodec says what to do about a codec that is not read.
func checkCodec(codec int32) error {
	switch codec {
	case uncompressed, snappy, gzipped, zstandard, lz4Raw:
		return nil
	}
	if name, ok := refused[codec]; ok {
		return fmt.Errorf("it is compressed with %s, which is not read: rewrite the file with snappy or zstd", name)
	}
	return fmt.Errorf("damaged: it has the unknown codec %d", codec)
}

// inflater decompresses pages into one buffer, which the next page overwrites.
type inflater struct {
	buffer []byte
	zstd   *zstd.Decoder
}

// inflate decompresses src, which must come to size bytes.
func (f *inflater) inflate(codec int32, src []byte, size int) (out []byte, err error) {
	if codec == uncompressed {
		if len(src) != size {
			err = errors.New("damaged: a page that is not compressed has two sizes")
		}
		return src, err
	}
	if size == 0 && len(src) == 0 {
		return nil, nil
	}
	f.buffer = grown(f.buffer, size)
	switch codec {
	case snappy:
		if n, err := s2.DecodedLen(src); err != nil || n != size {
			return nil, errSize
		}
		out, err = s2.Decode(f.buffer[:size:size], src)
	case gzipped:
		out, err = f.gunzip(src)
	case zstandard:
		out, err = f.unzstd(src)
	case lz4Raw:
		out, err = lz4(f.buffer[:0:size], src)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("damaged: a page cannot be decompressed: %w", err)
	case len(out) != size:
		return nil, errSize
	}
	return out, nil
}

var errSize = errors.New("damaged: a page is not as long as it says")

func (f *inflater) gunzip(src []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, f.buffer); err != nil {
		return nil, err
	}
	n, err := r.Read(make([]byte, 1)) // which also compares the sum
	switch {
	case n > 0:
		return nil, errSize
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return f.buffer, nil
}

func (f *inflater) unzstd(src []byte) ([]byte, error) {
	if f.zstd == nil {
		var err error
		f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPage))
		if err != nil {
			return nil, err
		}
	}
	return f.zstd.DecodeAll(src, f.buffer[:0:len(f.buffer)])
}

func (f *inflater) close() {
	if f.zstd != nil {
		f.zstd.Close()
	}
}
