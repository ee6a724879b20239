package data

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// unpack decompresses a page into no more than it says that it has: the library
// would take whatever comes.
func (k *chunk) unpack(body []byte, size int64) ([]byte, error) {
	if k.meta.Codec == format.Uncompressed {
		return body, nil
	}
	if len(body) == 0 {
		return nil, nil
	}
	if size > k.left {
		return nil, errGreedy(len(k.text))
	}
	data, err := decompress(k.meta.Codec, body, size)
	if err != nil {
		if !errors.Is(err, errCodec) {
			err = fmt.Errorf("damaged: %w", err)
		}
		return nil, fmt.Errorf("a page of %v: %w", k.meta.Codec, err)
	}
	return data, nil
}

// maxWindow is the largest window that writers of zstd use.
const maxWindow = 128 << 20

var errCodec = errors.New("it cannot be read: write the file anew with zstd or snappy")

var errLonger = errors.New("it unpacks to more than it says")

func decompress(codec format.CompressionCodec, body []byte, size int64) ([]byte, error) {
	switch codec {
	case format.Snappy:
		if n, err := snappy.DecodedLen(body); err != nil || int64(n) > size {
			return nil, errors.Join(errLonger, err)
		}
		return snappy.Decode(nil, body)
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return atMost(r, size)
	case format.Brotli:
		return atMost(brotli.NewReader(bytes.NewReader(body)), size)
	case format.Zstd:
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(size, maxWindow))), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		data, err := r.DecodeAll(body, nil)
		if err == nil && int64(len(data)) > size {
			err = errLonger
		}
		return data, err
	}
	// The library unpacks LZ4 to another place than it then reads.
	return nil, errCodec
}

// atMost reads to the end, which must come in time.
func atMost(r io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, size+1))
	if err == nil && int64(len(data)) > size {
		err = errLonger
	}
	return data, err
}
