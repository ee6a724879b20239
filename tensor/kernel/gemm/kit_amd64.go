package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

// The kits. A block of k is the same for AVX2 and AVX-512, so that they give
// the same bits.
var (
	f32Kits = [...]*kit[float32]{
		cpu.Portable: portableF32(kcF32),
		cpu.AVX2: {mr: 6, nr: 16, kc: kcF32, mc: 264, nc: 4096, shared: 4 << 20, wide: true,
			tile: f32Tile6AVX2, fewer: f32FewerAVX2, gram: f32GramAVX2, along: f32AlongAVX2, across: f32AcrossAVX2},
		cpu.AVX512: {mr: 14, nr: 32, kc: kcF32, mc: 280, nc: 4096, shared: 4 << 20,
			tile: f32Tile14AVX512, fewer: f32FewerAVX512, gram: f32GramAVX512, along: f32AlongAVX512, across: f32AcrossAVX512},
	}
	f64Kits = [...]*kit[float64]{
		cpu.Portable: portableKit[float64](kcF64),
		cpu.AVX2: {mr: 6, nr: 8, kc: kcF64, mc: 264, nc: 4096, shared: 2 << 20, wide: true,
			tile: f64Tile6AVX2, fewer: f64FewerAVX2, along: f64AlongAVX2, across: f64AcrossAVX2},
		cpu.AVX512: {mr: 14, nr: 16, kc: kcF64, mc: 280, nc: 4096, shared: 2 << 20,
			tile: f64Tile14AVX512, fewer: f64FewerAVX512, along: f64AlongAVX512, across: f64AcrossAVX512},
	}
)

const (
	kcF32 = 512
	kcF64 = 256
)

func f32Kit() *kit[float32] { return f32Kits[cpu.Active()] }
func f64Kit() *kit[float64] { return f64Kits[cpu.Active()] }

var f32FewerAVX2 = []rowTile[float32]{{4, f32Tile4AVX2}, {2, f32Tile2AVX2}, {1, f32Tile1AVX2}}

var f64FewerAVX2 = []rowTile[float64]{{4, f64Tile4AVX2}, {2, f64Tile2AVX2}, {1, f64Tile1AVX2}}

var f32FewerAVX512 = []rowTile[float32]{{12, f32Tile12AVX512}, {8, f32Tile8AVX512}, {4, f32Tile4AVX512}, {2, f32Tile2AVX512}, {1, f32Tile1AVX512}}

var f64FewerAVX512 = []rowTile[float64]{{12, f64Tile12AVX512}, {8, f64Tile8AVX512}, {4, f64Tile4AVX512}, {2, f64Tile2AVX512}, {1, f64Tile1AVX512}}
