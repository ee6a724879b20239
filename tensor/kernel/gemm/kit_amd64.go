package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

// The kits. A block of k is the same for AVX2 and AVX-512, so that they give
// the same bits.
var (
	f32Kits = [...]*kit[float32]{
		cpu.Portable: portableF32(kcF32),
		cpu.AVX2: family(kit[float32]{nr: 16, kc: kcF32, mc: 264, nc: 2048, shared: 4 << 20, wide: true,
			gram: f32GramAVX2, along: f32AlongAVX2, across: f32AcrossAVX2},
			rowTile[float32]{6, f32Tile6AVX2}, rowTile[float32]{4, f32Tile4AVX2}, rowTile[float32]{2, f32Tile2AVX2}, rowTile[float32]{1, f32Tile1AVX2}),
		cpu.AVX512: family(kit[float32]{nr: 32, kc: kcF32, mc: 280, nc: 2048, shared: 4 << 20,
			gram: f32GramAVX512, along: f32AlongAVX512, across: f32AcrossAVX512},
			rowTile[float32]{14, f32Tile14AVX512}, rowTile[float32]{12, f32Tile12AVX512}, rowTile[float32]{8, f32Tile8AVX512},
			rowTile[float32]{4, f32Tile4AVX512}, rowTile[float32]{2, f32Tile2AVX512}, rowTile[float32]{1, f32Tile1AVX512}),
	}
	f64Kits = [...]*kit[float64]{
		cpu.Portable: portableKit[float64](kcF64),
		cpu.AVX2: family(kit[float64]{nr: 8, kc: kcF64, mc: 264, nc: 1024, shared: 4 << 20, wide: true,
			along: f64AlongAVX2, across: f64AcrossAVX2},
			rowTile[float64]{6, f64Tile6AVX2}, rowTile[float64]{4, f64Tile4AVX2}, rowTile[float64]{2, f64Tile2AVX2}, rowTile[float64]{1, f64Tile1AVX2}),
		cpu.AVX512: family(kit[float64]{nr: 16, kc: kcF64, mc: 280, nc: 1024, shared: 4 << 20,
			along: f64AlongAVX512, across: f64AcrossAVX512},
			rowTile[float64]{14, f64Tile14AVX512}, rowTile[float64]{12, f64Tile12AVX512}, rowTile[float64]{8, f64Tile8AVX512},
			rowTile[float64]{4, f64Tile4AVX512}, rowTile[float64]{2, f64Tile2AVX512}, rowTile[float64]{1, f64Tile1AVX512}),
	}
)

const (
	kcF32 = 512
	kcF64 = 256
)

func f32Kit() *kit[float32] { return f32Kits[cpu.Active()] }
func f64Kit() *kit[float64] { return f64Kits[cpu.Active()] }
