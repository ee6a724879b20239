package kernel

import "golang.org/x/sys/cpu"

// simd says whether the assembly may run: it needs AVX2.
var simd = cpu.X86.HasAVX2

//go:noescape
func widenBF16(dst *float32, src *byte, n int)

//go:noescape
func narrowBF16(dst *byte, src *float32, n int)

//go:noescape
func roundBF16(x *float32, n int)

//go:noescape
func axpy(dst *float32, w float32, x *float32, n int)

//go:noescape
func scaleTo(dst *float32, w float32, x *float32, n int)

//go:noescape
func sub(dst, a, b *float32, n int)

//go:noescape
func add(dst, a *float32, n int)
