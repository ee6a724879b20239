package lora

import (
	"math"

	"github.com/rouxml/roux/tensor"
)

// Record is what the extraction of one tensor came to. It travels beside the
// factors as a small tensor of its own, for only values tell how many ranks
// were needed: a plan reserves the most, and whoever writes the adapter leaves
// out what the record says is empty.
type Record struct {
	Change float64 // |W - W_base|, Frobenius
	Error  float64 // |W - W_base - B A|
	Weight float64 // |W|
	Rank   int     // of the factors; what lies beyond is zero
}

// recordLen is how many numbers a Record takes. The rank takes two, so that
// bfloat16 holds it exactly.
const recordLen = 5

// RecordInfo is the header of the record for a tensor of the base.
func RecordInfo(name string) tensor.Info {
	return tensor.Info{Name: Name{Module: name, Part: Report}.String(), DType: tensor.F32, Shape: tensor.Shape{1, recordLen}}
}

// Put writes the record into a tensor's values.
func (r Record) Put(x []float32) {
	x[0], x[1], x[2] = float32(r.Change), float32(r.Error), float32(r.Weight)
	x[3], x[4] = float32(r.Rank/256), float32(r.Rank%256)
	if r.Change > 0 && x[0] == 0 { // no change at all is told apart
		x[0] = math.SmallestNonzeroFloat32
	}
}

// ParseRecord reads a record from a tensor's values, or says that it is none.
func ParseRecord(x []float32) (Record, bool) {
	if len(x) != recordLen || !(x[3] >= 0 && x[3] < 1<<16 && x[4] >= 0 && x[4] < 256) {
		return Record{}, false
	}
	return Record{Change: float64(x[0]), Error: float64(x[1]), Weight: float64(x[2]), Rank: int(x[3])*256 + int(x[4])}, true
}

// Unchanged says that the tensor is the base's.
func (r Record) Unchanged() bool { return r.Change == 0 }
