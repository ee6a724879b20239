//go:build !amd64

package kernel

// simd is false where there is no assembly: the functions below are never
// called there.
var simd = false

func widenBF16(*float32, *byte, int)           {}
func narrowBF16(*byte, *float32, int)          {}
func roundBF16(*float32, int)                  {}
func axpy(*float32, float32, *float32, int)    {}
func scaleTo(*float32, float32, *float32, int) {}
func sub(*float32, *float32, *float32, int)    {}
func add(*float32, *float32, int)              {}
