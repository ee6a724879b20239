package kernel

import (
	"encoding/binary"
	"unsafe"
)

// streamed is from how many bytes on a result passes by the cache: one that
// long would only push out what it is made of.
const streamed = 8 << 20

// LinearSumBF16 is LinearSum of models in little-endian bfloat16.
func LinearSumBF16(dst []float32, w []float32, xs [][]byte, total float32) {
	n := body(len(dst), 2)
	if n > 0 {
		from := rawPointers(xs, 0, len(dst))
		to := (*byte)(unsafe.Pointer(&dst[0]))
		if wide() {
			linearSumBF16AVX512(to, &from[0], &w[0], len(xs), total, n)
		} else {
			linearSumBF16AVX2(to, &from[0], &w[0], len(xs), total, n)
		}
	}
	for i := n; i < len(dst); i++ {
		dst[i] = linearOne(w, xs, total, i)
	}
}

// LinearSumRaw is LinearSumBF16 with the result rounded to bfloat16, as
// F32ToBF16 does it. dst may be one of the xs.
func LinearSumRaw(dst []byte, w []float32, xs [][]byte, total float32) {
	count := len(dst) / 2
	first, stream := toLine(dst)
	loop := linearLoop(stream)
	linearScalar(dst, w, xs, total, 0, first)
	n := body(count-first, 2)
	if n > 0 {
		from := rawPointers(xs, first, count)
		loop(&dst[2*first], &from[0], &w[0], len(xs), total, n)
	}
	linearScalar(dst, w, xs, total, first+n, count)
}

func linearLoop(stream bool) func(dst *byte, xs **byte, w *float32, m int, total float32, n int) {
	switch {
	case stream && wide():
		return linearSumStreamAVX512
	case stream:
		return linearSumStreamAVX2
	case wide():
		return linearSumRawAVX512
	}
	return linearSumRawAVX2
}

// toLine says whether dst is to be streamed, and how many bfloat16 then come
// before the begin of a cache line.
func toLine(dst []byte) (first int, stream bool) {
	if len(dst) < streamed {
		return 0, false
	}
	at := uintptr(unsafe.Pointer(&dst[0])) % 64
	if at%2 != 0 {
		return 0, false
	}
	return int((64-at)%64) / 2, true
}

func linearScalar(dst []byte, w []float32, xs [][]byte, total float32, from, to int) {
	for i := from; i < to; i++ {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(bf16Bits(linearOne(w, xs, total, i))))
	}
}

// linearOne is element i of a linear sum.
func linearOne(w []float32, xs [][]byte, total float32, i int) float32 {
	sum := w[0] * fromBF16(xs[0][2*i:])
	for j := 1; j < len(xs); j++ {
		sum += float32(w[j] * fromBF16(xs[j][2*i:]))
	}
	return sum / total
}

// rawPointers is where element first of every x is; each must have n elements,
// one at least.
func rawPointers(xs [][]byte, first, n int) []*byte {
	from := make([]*byte, len(xs))
	for j, x := range xs {
		from[j] = &x[: 2*n : 2*n][2*first]
	}
	return from
}
