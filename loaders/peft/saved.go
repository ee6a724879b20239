package peft

import (
	"context"
	"fmt"
	"io"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// readRows serves any range of a tensor from its rows of size bytes each.
func readRows(info tensor.Info, size int, p []byte, off int64, rows func(from, n int) ([]byte, error)) (int, error) {
	if off < 0 || off > info.Bytes() {
		return 0, fmt.Errorf("tensor %s: offset %d of %d", info.Name, off, info.Bytes())
	}
	want := min(int64(len(p)), info.Bytes()-off)
	if want > 0 {
		from, to := off/int64(size), (off+want+int64(size)-1)/int64(size)
		made, err := rows(int(from), int(to-from))
		if err != nil {
			return 0, err
		}
		copy(p[:want], made[off-from*int64(size):])
	}
	if want < int64(len(p)) {
		return int(want), io.EOF
	}
	return int(want), nil
}

// saved is a whole tensor of an adapter in the base's name and dtype.
type saved struct {
	info tensor.Info
	from tensor.Tensor
}

// Info returns the base tensor's header.
func (s *saved) Info() tensor.Info { return s.info }

// ID is that of what is stored, in that dtype.
func (s *saved) ID(ctx context.Context) (string, error) {
	return identify(ctx, "saved as "+s.info.DType.String(), s.from)
}

// ReadAt reads elements, cast if need be.
func (s *saved) ReadAt(p []byte, off int64) (int, error) {
	have := s.from.Info().DType
	if have == s.info.DType {
		return s.from.ReadAt(p, off)
	}
	return readRows(s.info, s.info.DType.Size(), p, off, func(from, n int) ([]byte, error) {
		raw, vals := make([]byte, n*have.Size()), make([]float32, n)
		if k, err := s.from.ReadAt(raw, int64(from)*int64(have.Size())); k < len(raw) {
			return nil, fmt.Errorf("tensor %s: %w", s.from.Info().Name, err)
		}
		if err := codec.ToF32(vals, raw, have); err != nil {
			return nil, err
		}
		out := make([]byte, n*s.info.DType.Size())
		return out, codec.FromF32(out, vals, s.info.DType)
	})
}

// shifted is a bias with the bias of its lora_B added.
type shifted struct {
	base, by tensor.Tensor
	scale    float32
}

// Info returns the base tensor's header.
func (s *shifted) Info() tensor.Info { return s.base.Info() }

// ID combines what both hold.
func (s *shifted) ID(ctx context.Context) (string, error) {
	return identify(ctx, fmt.Sprintf("bias scale %g", s.scale), s.base, s.by)
}

// ReadAt computes the whole bias, which is short.
func (s *shifted) ReadAt(p []byte, off int64) (int, error) {
	info := s.Info()
	return readRows(info, int(info.Bytes()), p, off, func(int, int) ([]byte, error) {
		vals, err := readAll(s.base)
		if err != nil {
			return nil, err
		}
		by, err := readAll(s.by)
		if err != nil {
			return nil, err
		}
		for i, v := range by {
			vals[i] += float32(s.scale * v)
		}
		out := make([]byte, info.Bytes())
		return out, codec.FromF32(out, vals, info.DType)
	})
}
