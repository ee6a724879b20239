package ops

// Importance is sums of squares of what weights are multiplied with, by column,
// that another program gathered over data of its own: an importance matrix. It
// stands in for texts where nothing else is needed of them.
type Importance struct {
	// Entries are by the weight's name in GGUF files, such as "blk.0.attn_q.weight".
	Entries map[string]SquareSums
	Chunks  int   // of the data
	Tokens  int64 // of all chunks
}

// SquareSums are those of one weight, or of the stacked weights of experts.
type SquareSums struct {
	Sums []float32 // of each expert one after another
	// Counts are the tokens that each expert saw; or one for all.
	Counts []int64
}
