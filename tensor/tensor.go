package tensor

import (
	"context"
	"io"
)

// Info is the header of a tensor: all that a plan may know of it.
type Info struct {
	Name  string
	DType DType // element type of the values; for a quantized tensor, of its scales
	Shape Shape
	Quant *Quant // nil for plain values
}

// RowBytes returns the bytes that one row of Shape.Cols elements takes in the
// tensor's stored form.
func (i Info) RowBytes() int {
	if i.Quant != nil {
		return i.Quant.RowBytes(i.Shape.Cols())
	}
	return i.Shape.Cols() * i.DType.Size()
}

// Bytes returns the size of the stored form.
func (i Info) Bytes() int64 { return int64(i.Shape.Rows()) * int64(i.RowBytes()) }

// Plain returns the same header without quantization: what a reader of the
// dequantized values sees.
func (i Info) Plain() Info {
	i.Quant = nil
	return i
}

// Tensor is a lazy tensor. It reads nothing until asked and may be asked again
// and again, from several goroutines at once.
type Tensor interface {
	// Info returns the header; it costs nothing.
	Info() Info
	// ReadAt reads stored bytes (little endian, row-major; for a quantized
	// tensor the record form of Quant) at an offset from the tensor's own
	// beginning, with the contract of io.ReaderAt.
	io.ReaderAt
}

// Mapped is a Tensor whose stored bytes lie in memory already, so that readers
// can take them without a copy. The slice is read-only and lives as long as
// the Source it came from is open.
type Mapped interface {
	Tensor
	Bytes() []byte
}

// Identified is a Tensor that knows a digest of what it holds: equal IDs mean
// equal bytes. A cache may key on it without reading.
type Identified interface {
	Tensor
	ID(ctx context.Context) (string, error)
}

// Source is an immutable, ordered set of tensors: the weights of a model. It
// is safe for concurrent use.
type Source interface {
	// Infos lists the headers in storage order. The caller must not change it.
	Infos() []Info
	// Tensor returns the tensor of that name, or false.
	Tensor(name string) (Tensor, bool)
}

// Sink stores a model's tensors. Begin fixes every offset; Writer may then be
// asked for any tensor in any order and from several goroutines; Commit makes
// the whole visible at once; Abort removes every trace instead.
type Sink interface {
	Begin(ctx context.Context, infos []Info) error
	// Writer returns where the stored bytes of that tensor go, by offset from
	// the tensor's beginning.
	Writer(name string) (io.WriterAt, error)
	Commit(ctx context.Context) error
	Abort() error
}
