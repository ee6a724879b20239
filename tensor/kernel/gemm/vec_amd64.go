package gemm

import "github.com/rouxml/roux/tensor/kernel/cpu"

var (
	f32VecKits = [...]*vecKit[float32]{
		cpu.Portable: portableVecKit[float32](),
		cpu.AVX2: {dots: []vecLoop[float32]{{2, f32Dot2AVX2}, {1, f32Dot1AVX2}},
			axpys: []vecLoop[float32]{{8, f32Axpy8AVX2}, {1, f32Axpy1AVX2}}},
		cpu.AVX512: {dots: []vecLoop[float32]{{4, f32Dot4AVX512}, {1, f32Dot1AVX512}},
			axpys: []vecLoop[float32]{{8, f32Axpy8AVX512}, {1, f32Axpy1AVX512}}},
	}
	f64VecKits = [...]*vecKit[float64]{
		cpu.Portable: portableVecKit[float64](),
		cpu.AVX2: {dots: []vecLoop[float64]{{2, f64Dot2AVX2}, {1, f64Dot1AVX2}},
			axpys: []vecLoop[float64]{{8, f64Axpy8AVX2}, {1, f64Axpy1AVX2}}},
		cpu.AVX512: {dots: []vecLoop[float64]{{4, f64Dot4AVX512}, {1, f64Dot1AVX512}},
			axpys: []vecLoop[float64]{{8, f64Axpy8AVX512}, {1, f64Axpy1AVX512}}},
	}
)

func f32VecKit() *vecKit[float32] { return f32VecKits[cpu.Active()] }
func f64VecKit() *vecKit[float64] { return f64VecKits[cpu.Active()] }
