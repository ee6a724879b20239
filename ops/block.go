package ops

import (
	"unsafe"

	"github.com/rouxml/roux/tensor/kernel"
)

// Block is a range of whole rows. Its slices belong to the engine and are only
// valid during the call.
type Block struct {
	Index      int // position in the partition of the tensor, which depends on its shape alone
	Row, Rows  int
	Cols       int
	In         []Values  // one for each operand
	Out        []float32 // Rows x Cols; nil in Prepare and Measure
	Rec        []byte    // Rows records when the output is quantized
	NewScratch func(n int) []float32
	NewMask    func(n int) kernel.Mask
}

// Values is an operand's Rows x Cols elements: as float32, or still as stored
// when that is bfloat16. Kernels that need no more than a difference then spare
// the memory traffic of widening.
type Values struct {
	F32  []float32
	BF16 []byte
	less int // 1 + the operand that Sub took from F32
}

// X returns operand i in float32, Rows x Cols. The kernel may overwrite it.
func (b *Block) X(i int) []float32 {
	v := &b.In[i]
	if v.F32 == nil && v.BF16 != nil {
		v.F32 = b.Scratch(len(v.BF16) / 2)
		kernel.BF16ToF32(v.F32, v.BF16)
	}
	return v.F32
}

// Sub returns operand i less operand j, and leaves it in the place of i: asked
// again, it returns the same.
func (b *Block) Sub(i, j int) []float32 {
	x, y := &b.In[i], b.In[j]
	switch {
	case x.less == j+1:
		return x.F32
	case x.F32 == nil && x.BF16 != nil && y.BF16 != nil:
		x.F32 = b.Scratch(len(x.BF16) / 2)
		kernel.SubBF16(x.F32, x.BF16, y.BF16)
	default:
		kernel.Sub(b.X(i), b.X(i), b.X(j))
	}
	x.less = j + 1
	return x.F32
}

// Start returns the element index of the block's first element.
func (b *Block) Start() int { return b.Row * b.Cols }

// Scratch returns a buffer of n floats with undefined contents that lives as
// long as the block.
func (b *Block) Scratch(n int) []float32 { return b.NewScratch(n) }

// Words is Scratch for n whole numbers.
func (b *Block) Words(n int) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(b.Scratch(n)))), n)
}

// Mask returns a mask of n elements with undefined contents that lives as long
// as the block.
func (b *Block) Mask(n int) kernel.Mask { return b.NewMask(n) }
