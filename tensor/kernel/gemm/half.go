package gemm

import (
	"encoding/binary"
	"math"
)

// Format is a 16-bit number format, two bytes an element, little-endian.
type Format uint8

// The formats.
const (
	BF16 Format = iota // the upper half of a float32
	F16                // IEEE 754 binary16
)

// F32Half is F32 with a B of 16-bit numbers, usually weights: 2*ldb bytes lie
// between its rows. They are widened as they are packed, so the result has the
// bits that F32 gives for B widened beforehand.
func F32Half(format Format, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []byte, ldb int, beta float32, c []float32, ldc, workers int) {
	checkShape("A", len(a), m, k, lda, transA)
	checkShape("B", len(b)/2, k, n, ldb, transB)
	checkShape("C", len(c), m, n, ldc, false)
	if m == 0 || n == 0 {
		return
	}
	if alpha == 0 || k == 0 {
		scale(m, n, beta, c, ldc)
		return
	}
	if l := halfRow(format); !transA && transB && l.suits(m, n, k, beta) {
		r := l.rowOf(n, k, alpha, a, b, 2*ldb, beta, c)
		r.rest = func(j int) {
			F32Half(format, transA, transB, m, n-j, k, alpha, a, lda, b[2*j*ldb:], ldb, beta, c[j:], ldc, workers)
		}
		r.run(workers)
		return
	}
	t := f32Kit().fit(m)
	p := product[float32]{
		kit: t, m: m, n: n, k: k,
		a: t.operand(a, lda, !transA), b: halfOperand(halfKit(format), b, ldb, transB),
		out: t.into(c, ldc, alpha, beta),
	}
	p.run(workers)
}

// halfPack is a kit's packing of 16-bit numbers.
type halfPack struct{ along, across packer[float32, byte] }

func halfOperand(h halfPack, x []byte, ld int, across bool) operand[float32] {
	if across {
		return func(dst []float32, width, at, n, p0, kc int) {
			panelsAcross(h.across, dst, width, x[2*(at*ld+p0):], ld, 2*ld, n, kc)
		}
	}
	return func(dst []float32, width, at, n, p0, kc int) {
		panelsAlong(h.along, dst, width, x[2*(p0*ld+at):], ld, 2, n, kc)
	}
}

// portableHalf is the packing in plain Go.
func portableHalf(f Format) halfPack {
	return halfPack{
		along: func(dst []float32, width int, src []byte, ld, n, k int) {
			for p := range k {
				row := dst[p*width : (p+1)*width]
				for i := range n {
					row[i] = f.at(src, p*ld+i)
				}
				clear(row[n:])
			}
		},
		across: func(dst []float32, width int, src []byte, ld, n, k int) {
			clear(dst[:k*width])
			for i := range n {
				for p := range k {
					dst[p*width+i] = f.at(src, i*ld+p)
				}
			}
		},
	}
}

// at is element i.
func (f Format) at(x []byte, i int) float32 {
	h := binary.LittleEndian.Uint16(x[2*i:])
	if f == BF16 {
		return math.Float32frombits(uint32(h) << 16)
	}
	return widenF16(h)
}

// widenF16 moves exponent and mantissa to their places in a float32 and
// corrects the bias by a multiplication, which also normalises subnormals.
func widenF16(h uint16) float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7FFF)<<13
	switch {
	case h&0x7FFF == 0x7C00:
		return math.Float32frombits(sign | 0x7F800000)
	case h&0x7FFF > 0x7C00:
		return math.Float32frombits(sign | 0x7FC00000 | rest)
	}
	v := math.Float32frombits(rest) * 0x1p112
	return math.Float32frombits(sign | math.Float32bits(v))
}
