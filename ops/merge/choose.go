package merge

import "math"

// Which elements a method takes is as good as random, and a branch on it is
// mispredicted half the time: choices are made by masks instead, all ones or
// none.

// beyond is all ones where the magnitude's bits are above a bound; NaN is above
// all numbers.
func beyond(v float32, bound uint32) uint32 {
	return uint32(int32(bound-math.Float32bits(v)&0x7fffffff) >> 31)
}

// agree is all ones where a number is not zero and has the sign of another.
func agree(v, other float32) uint32 {
	return ^uint32(int32(math.Float32bits(v)^math.Float32bits(other))>>31) & beyond(v, 0)
}

// masked is the number where the mask is all ones, and zero where it is none.
func masked(v float32, mask uint32) float32 {
	return math.Float32frombits(math.Float32bits(v) & mask)
}
