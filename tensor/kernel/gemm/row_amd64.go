package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

// The loops of one row, by what the weights are stored as.
var (
	rowsAVX512 = map[string]rowLoop{
		"F32": {64, 16, f32RowAVX512}, "BF16": {64, 32, f32RowBF16AVX512}, "F16": {64, 32, f32RowF16AVX512},
		"Q4_0": {18, 32, f32RowQ40AVX512}, "Q4_1": {20, 32, f32RowQ41AVX512}, "Q8_0": {34, 32, f32RowQ80AVX512},
		"Q4_K": {144, 256, f32RowQ4KAVX512}, "Q5_K": {176, 256, f32RowQ5KAVX512}, "Q6_K": {210, 256, f32RowQ6KAVX512},
	}
	rowsAVX2 = map[string]rowLoop{
		"F32": {64, 16, f32RowAVX2}, "BF16": {64, 32, f32RowBF16AVX2}, "F16": {64, 32, f32RowF16AVX2},
		"Q4_0": {18, 32, f32RowQ40AVX2}, "Q4_1": {20, 32, f32RowQ41AVX2}, "Q8_0": {34, 32, f32RowQ80AVX2},
		"Q4_K": {144, 256, f32RowQ4KAVX2}, "Q5_K": {176, 256, f32RowQ5KAVX2}, "Q6_K": {210, 256, f32RowQ6KAVX2},
	}
)

func rowLoops() map[string]rowLoop {
	switch cpu.Active() {
	case cpu.AVX512:
		return rowsAVX512
	case cpu.AVX2:
		return rowsAVX2
	}
	return portableRows
}
