package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

// The loops of one row; the other levels go by tiles.
var (
	halfRows = [...]rowLoop{BF16: {32, f32RowBF16AVX512}, F16: {32, f32RowF16AVX512}}
	fullRows = rowLoop{16, f32RowAVX512}
)

func halfRow(f Format) rowLoop {
	if cpu.Active() != cpu.AVX512 {
		return rowLoop{}
	}
	return halfRows[f]
}

func fullRow() rowLoop {
	if cpu.Active() != cpu.AVX512 {
		return rowLoop{}
	}
	return fullRows
}
