//go:build linux || darwin || freebsd || netbsd || openbsd

package arena

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestUseAfterRelease: in a checked Arena what is handed out is NaN, and what
// was given back, small requests too, can be neither read nor written.
func TestUseAfterRelease(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	a := New(Options{Checked: true})
	defer a.Close()
	for _, n := range []int{1, 1000, 1 << 16, 1 << 20} {
		x := Get[float32](a, n)
		for _, v := range x {
			if !math.IsNaN(float64(v)) {
				t.Fatalf("%d floats hold %v before anything was written, want NaN", n, v)
			}
		}
		x[n-1] = 1
		Put(a, x)
		if panics(func() { x[n-1]++ }) == nil || panics(func() { _ = x[0] + x[n/2]; sink = x[0] }) == nil {
			t.Errorf("%d floats were used after they were given back", n)
		}
		other, same := Get[float32](a, n), Get[float32](a, n)
		if v := other[n-1]; v == v {
			t.Errorf("what the last owner left is seen: %v", v)
		}
		Put(a, other)
		Put(a, same)
	}
}

var sink float32
