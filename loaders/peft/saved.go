package peft

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// readRows serves any range of a tensor from its rows of size bytes each.
func readRows(info tensor.Info, size int, p []byte, off int64, rows func(from, n int) ([]byte, error)) (int, error) {
	return loaders.ReadRange(info, p, off, func(p []byte, off int64) error {
		from, to := off/int64(size), (off+int64(len(p))+int64(size)-1)/int64(size)
		made, err := rows(int(from), int(to-from))
		if err == nil {
			copy(p, made[off-from*int64(size):])
		}
		return err
	})
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
