package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor"
)

// Record is one row of a quantized tensor, as package tensor's Quant lays it
// out. Its methods read and write the bytes in place.
type Record struct {
	q     tensor.Quant
	cols  int
	bytes []byte
}

// RecordAt takes row i of records that lie one after another.
func RecordAt(bytes []byte, i, cols int, q tensor.Quant) Record {
	n := q.RowBytes(cols)
	return Record{q, cols, bytes[i*n : (i+1)*n]}
}

// Code returns the code of column j.
func (r Record) Code(j int) int8 { return int8(r.bytes[j]) }

// SetCode stores the code of column j.
func (r Record) SetCode(j int, c int8) { r.bytes[j] = byte(c) }

// Scale returns the scale of group g.
func (r Record) Scale(g int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(r.bytes[r.cols+4*g:]))
}

// SetScale stores the scale of group g.
func (r Record) SetScale(g int, s float32) {
	binary.LittleEndian.PutUint32(r.bytes[r.cols+4*g:], math.Float32bits(s))
}

// Zero returns the zero point of group g; it is 0 in symmetric schemes.
func (r Record) Zero(g int) int8 {
	if r.q.Symmetric {
		return 0
	}
	return int8(r.bytes[r.cols+4*r.q.Groups(r.cols)+g])
}

// SetZero stores the zero point of group g of an asymmetric scheme.
func (r Record) SetZero(g int, z int8) {
	r.bytes[r.cols+4*r.q.Groups(r.cols)+g] = byte(z)
}

// Span returns the columns of group g.
func (r Record) Span(g int) (from, to int) {
	if r.q.GroupSize <= 0 {
		return 0, r.cols
	}
	return g * r.q.GroupSize, min((g+1)*r.q.GroupSize, r.cols)
}

// Decode fills dst with the row's values, not yet rounded to a dtype.
func (r Record) Decode(dst []float32) {
	for g := range r.q.Groups(r.cols) {
		from, to := r.Span(g)
		scale, zero := r.Scale(g), int(r.Zero(g))
		for j := from; j < to; j++ {
			dst[j] = float32(int(r.Code(j))-zero) * scale
		}
	}
}

// DecodeRows decodes whole rows of a tensor's stored form, plain or quantized.
func DecodeRows(dst []float32, src []byte, info tensor.Info) error {
	if info.Quant == nil {
		return ToF32(dst, src, info.DType)
	}
	cols := info.Shape.Cols()
	if cols == 0 {
		return nil
	}
	rows := len(dst) / cols
	if len(src) != rows*info.RowBytes() || rows*cols != len(dst) {
		return fmt.Errorf("tensor %s: %d bytes are not %d rows of %s", info.Name, len(src), rows, info.Quant)
	}
	if info.Quant.Block != tensor.NoBlock {
		if cols%info.Quant.Block.Values() != 0 {
			return fmt.Errorf("tensor %s: rows of %d values are no whole blocks of %s", info.Name, cols, info.Quant.Block)
		}
		DecodeBlocks(dst, src, info.Quant.Block)
		return nil
	}
	for i := range rows {
		RecordAt(src, i, cols, *info.Quant).Decode(dst[i*cols : (i+1)*cols])
	}
	Round(dst, info.DType)
	return nil
}
