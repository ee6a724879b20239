package tensor

import "fmt"

// Quant says how the rows of a quantized tensor are stored. Each row is one
// record of fixed size, so that any row range can be read alone: the codes
// (one int8 per element), then one float32 scale per group, then, when the
// scheme is asymmetric, one int8 zero point per group. The value of an element
// is (code - zero) * scale, multiplied in float32 and rounded to the tensor's
// DType, which is what compressed-tensors computes.
//
// With a Block the row is blocks of that type instead, one after another as in
// a GGUF file, and the other fields are zero. The tensor's DType is then F32:
// what blocks decode to is not rounded.
type Quant struct {
	Block     Block
	Bits      int  // 4 or 8
	Symmetric bool // no zero points
	GroupSize int  // columns that share a scale; 0 means the whole row (per channel)
	// Activations asks inference engines to quantize activations as well: int8,
	// symmetric, by token, at run time.
	Activations bool
}

// Groups returns how many scales a row of that many columns has in a record.
func (q Quant) Groups(cols int) int {
	if q.GroupSize <= 0 || cols == 0 {
		return 1
	}
	return (cols + q.GroupSize - 1) / q.GroupSize
}

// RowBytes returns the size of one row's record.
func (q Quant) RowBytes(cols int) int {
	if q.Block != NoBlock {
		return (cols + q.Block.Values() - 1) / q.Block.Values() * q.Block.Bytes()
	}
	n := cols + 4*q.Groups(cols)
	if !q.Symmetric {
		n += q.Groups(cols)
	}
	return n
}

// Range returns the smallest and largest code: for 4 bits -8 and 7.
func (q Quant) Range() (lo, hi int) {
	half := 1 << (q.Bits - 1)
	return -half, half - 1
}

// String names the scheme, such as "int4 symmetric group 128" or "GGUF blocks Q4_K".
func (q Quant) String() string {
	if q.Block != NoBlock {
		return "GGUF blocks " + q.Block.String()
	}
	kind, per := "asymmetric", "channel"
	if q.Symmetric {
		kind = "symmetric"
	}
	if q.GroupSize > 0 {
		per = fmt.Sprintf("group %d", q.GroupSize)
	}
	s := fmt.Sprintf("int%d %s %s", q.Bits, kind, per)
	if q.Activations {
		s += " with int8 activations"
	}
	return s
}
