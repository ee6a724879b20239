package gemm

import "unsafe"

// span is the n elements that start at p.
func span[T any](p *T, n int) []T { return unsafe.Slice(p, n) }

// roundUp is the least multiple of to that is not below n.
func roundUp(n, to int) int { return (n + to - 1) / to * to }
