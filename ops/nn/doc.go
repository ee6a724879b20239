// Package nn runs transformer models forward in float32: one block for all
// architectures, what distinguishes them being data (families/*.json).
//
// A model works on a lazy tensor.Source. A batch goes through it block by
// block: each block's weights are read once for all sequences and dropped, and
// what is kept is one hidden row for each token (4 bytes times the hidden size)
// beside the buffers of one group of about GroupRows tokens. Weights in 16 bits
// stay so; they are widened while products pack them.
//
// Sequences of a batch are laid one after another without padding. Every sum
// has a fixed order that depends neither on the number of workers nor on what
// else is in the batch, so that a sequence has the same bits wherever it runs.
package nn
