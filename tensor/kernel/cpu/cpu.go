// Package cpu says which vector instructions the kernels may use. The level is
// found once when the program starts; tests and benchmarks lower it to reach
// the paths that a lesser machine would take.
package cpu

import (
	"runtime"
	"sync/atomic"
)

// Level is a set of vector instructions; each includes those below it.
type Level int32

// The levels. Portable is plain Go, the only one off amd64.
const (
	Portable Level = iota
	AVX2           // with FMA, F16C and BMI2
	AVX512         // F, BW, CD, DQ and VL
)

// String returns the level's name.
func (l Level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// cores is what the runtime found when the program started.
var cores = runtime.GOMAXPROCS(0)

// Cores is how many goroutines can compute at once. A program may give the
// runtime more processors than that, for goroutines that wait for the system.
func Cores() int { return cores }

var (
	detected = detect()
	active   atomic.Int32
)

func init() { active.Store(int32(detected)) }

// Detected is what the machine has.
func Detected() Level { return detected }

// Active is what kernels use.
func Active() Level { return Level(active.Load()) }

// Force makes kernels use a level no higher than the machine's and returns a
// function that undoes it. It is for tests and benchmarks that run alone.
func Force(l Level) (restore func()) {
	before := active.Swap(int32(min(l, detected)))
	return func() { active.Store(before) }
}

// Levels lists what the machine has, from Portable up.
func Levels() []Level {
	var all []Level
	for l := Portable; l <= detected; l++ {
		all = append(all, l)
	}
	return all
}
