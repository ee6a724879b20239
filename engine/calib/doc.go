// Package calib runs a model over calibration data and gathers statistics of
// what goes into its linear layers, one layer at a time: sums by channel, Gram
// matrices, how many tokens reach an expert, and how alike hidden states are.
//
// A layer's sums exist only while the data goes through it, so that memory holds
// those of one layer beside the hidden states. The bits depend on neither
// workers nor memory: samples are laid out by their number alone, rows are added
// in blocks of 256, and a channel or a tile has one goroutine.
package calib
