package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

// The kits. A block of k is the same for AVX2 and AVX-512, so that they give
// the same bits.
var (
	f32Kits = [...]*kit[float32]{
		cpu.Portable: portableF32(kcF32),
		cpu.AVX2: {mr: 6, nr: 16, kc: kcF32, mc: 264, nc: 4096, shared: 4 << 20, wide: true,
			tile: f32TileAVX2, gram: f32GramAVX2, along: f32AlongAVX2, across: f32AcrossAVX2},
		cpu.AVX512: {mr: 14, nr: 32, kc: kcF32, mc: 280, nc: 4096, shared: 4 << 20,
			tile: f32TileAVX512, gram: f32GramAVX512, along: f32AlongAVX512, across: f32AcrossAVX512},
	}
	f64Kits = [...]*kit[float64]{
		cpu.Portable: portableKit[float64](kcF64),
		cpu.AVX2: {mr: 6, nr: 8, kc: kcF64, mc: 264, nc: 4096, shared: 2 << 20, wide: true,
			tile: f64TileAVX2, along: f64AlongAVX2, across: f64AcrossAVX2},
		cpu.AVX512: {mr: 14, nr: 16, kc: kcF64, mc: 280, nc: 4096, shared: 2 << 20,
			tile: f64TileAVX512, along: f64AlongAVX512, across: f64AcrossAVX512},
	}
)

const (
	kcF32 = 512
	kcF64 = 256
)

func f32Kit() *kit[float32] { return f32Kits[cpu.Active()] }
func f64Kit() *kit[float64] { return f64Kits[cpu.Active()] }
