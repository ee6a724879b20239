package kernel

import "github.com/rouxml/roux/tensor/kernel/cpu"

// body is how many of n elements the assembly takes: a multiple of so many
// vectors. The rest are for its scalar twin, which also runs where there is no
// assembly.
func body(n, vectors int) int {
	switch cpu.Active() {
	case cpu.AVX512:
		return n &^ (16*vectors - 1)
	case cpu.AVX2:
		return n &^ (8*vectors - 1)
	}
	return 0
}

// wide says whether the assembly to call is that for AVX-512.
func wide() bool { return cpu.Active() == cpu.AVX512 }
