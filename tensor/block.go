package tensor

// Block is a type of block that GGUF stores quantized rows in: so many values
// share scales, and a row is whole blocks.
type Block uint8

// The types of blocks that can be read, by ggml's names.
const (
	NoBlock Block = iota
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	IQ4_NL
	IQ4_XS
)

var blocks = [...]struct {
	name          string
	bytes, values int
}{
	{"none", 0, 1},
	{"Q4_0", 18, 32}, {"Q4_1", 20, 32}, {"Q5_0", 22, 32}, {"Q5_1", 24, 32}, {"Q8_0", 34, 32},
	{"Q2_K", 84, 256}, {"Q3_K", 110, 256}, {"Q4_K", 144, 256}, {"Q5_K", 176, 256}, {"Q6_K", 210, 256},
	{"IQ4_NL", 18, 32}, {"IQ4_XS", 136, 256},
}

// String returns ggml's name, such as "Q4_K".
func (b Block) String() string {
	if int(b) < len(blocks) {
		return blocks[b].name
	}
	return "unknown"
}

// Bytes is the size of one block.
func (b Block) Bytes() int { return blocks[b].bytes }

// Values is how many values a block holds.
func (b Block) Values() int { return blocks[b].values }
