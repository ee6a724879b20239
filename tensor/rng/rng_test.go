package rng

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// TestKnownAnswers holds Philox4x32-10 to the vectors of Random123.
func TestKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		ctr    [4]uint32
		k0, k1 uint32
		want   [4]uint32
	}{
		{[4]uint32{}, 0, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffff, 0xffffffff, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(c.ctr, c.k0, c.k1); got != c.want {
			t.Errorf("philox(%x) = %x, want %x", c.ctr, got, c.want)
		}
	}
}

// TestKeysDiffer: every field counts, and fields do not run together.
func TestKeysDiffer(t *testing.T) {
	seen := map[Key]bool{}
	for _, k := range []Key{
		NewKey(0, "a", "b", "c", "d"), NewKey(1, "a", "b", "c", "d"), NewKey(0, "ab", "", "c", "d"),
		NewKey(0, "a", "b", "cd", ""), NewKey(0, "", "ab", "c", "d"), NewKey(0, "a", "b", "d", "c"),
	} {
		if seen[k] {
			t.Errorf("key %v twice", k)
		}
		seen[k] = true
	}
}

// TestKeep: the share kept is near p by four standard deviations, any cut of
// the range draws the same, at every CPU level, and each draw is the number
// whose bits the planes give.
func TestKeep(t *testing.T) {
	const n = 1 << 15
	for _, p := range []float64{0, 0.1, 0.25, 0.5, 0.9, 1} {
		k := NewKey(1, "op", "role", "tensor", "drop")
		var want []uint64
		for _, level := range cpu.Levels() {
			restore := cpu.Force(level)
			whole := make([]uint64, n/64)
			k.Keep(whole, 0, n, p)
			cuts(t, k, whole, n, p)
			restore()
			if want == nil {
				want = whole
			} else if !slices.Equal(whole, want) {
				t.Errorf("p %v: %s draws otherwise than the scalar code", p, level)
			}
		}
		kept := 0
		for i := range n {
			if has(want, i) {
				kept++
			}
			if number := number(k, i); has(want, i) != (number < Threshold(p)) {
				t.Fatalf("p %v: element %d draws %#x", p, i, number)
			}
		}
		if d := math.Abs(float64(kept) - p*n); d > 4*math.Sqrt(n*p*(1-p)) {
			t.Errorf("p %v: kept %d of %d", p, kept, n)
		}
	}
}

// number is the 16-bit draw of an element: the complement of its bit in every
// plane.
func number(k Key, i int) (n uint32) {
	for plane := range 16 {
		word := k.block(uint64(i/128) + uint64(plane)<<59)[i%128/32]
		n |= (^word >> (i % 32) & 1) << plane
	}
	return n
}

func has(mask []uint64, i int) bool { return mask[i/64]>>(i%64)&1 != 0 }

// cuts draws the range in pieces that begin anywhere.
func cuts(t *testing.T, k Key, whole []uint64, n int, p float64) {
	t.Helper()
	for from, size := 0, 1; from < n; from, size = from+size, size+37 {
		m := min(size, n-from)
		cut := make([]uint64, (m+63)/64)
		k.Keep(cut, from, m, p)
		for i := range m {
			if has(cut, i) != has(whole, from+i) {
				t.Fatalf("p %v: element %d depends on the cut at %d", p, from+i, from)
			}
		}
	}
}

func BenchmarkKeep(b *testing.B) {
	mask := make([]uint64, 1<<8)
	k := NewKey(2, "", "", "", "")
	for _, p := range []float64{0.5, 0.3} {
		b.Run(fmt.Sprint(p), func(b *testing.B) {
			b.SetBytes(1 << 14)
			for range b.N {
				k.Keep(mask, 0, 1<<14, p)
			}
		})
	}
}

// TestMoments checks mean and variance of the uniform and normal draws.
func TestMoments(t *testing.T) {
	const n = 1 << 16
	k := NewKey(2, "", "", "", "")
	var u, g, g2 float64
	for i := range n {
		u += float64(k.Uniform(i))
		v := k.Normal(i)
		g, g2 = g+v, g2+v*v
	}
	if math.Abs(u/n-0.5) > 4*math.Sqrt(1.0/12/n) || math.Abs(g/n) > 4/math.Sqrt(n) || math.Abs(g2/n-1) > 4*math.Sqrt(2.0/n) {
		t.Errorf("uniform mean %v; normal mean %v, square %v", u/n, g/n, g2/n)
	}
}

// TestWords: many draws at once are those of each alone, at every CPU level,
// and nothing behind them is written.
func TestWords(t *testing.T) {
	k := NewKey(1, "op", "role", "tensor", "rank")
	for _, level := range cpu.Levels() {
		restore := cpu.Force(level)
		for _, start := range []int{0, 1, 2, 3, 4, 1<<34 - 24} {
			for n := range 131 {
				words := make([]uint32, n+8)
				k.Words(words[:n], start)
				for i, w := range words[:n] {
					if w != k.Word(start+i) {
						t.Fatalf("%s: word %d of %d from %d differs", level, i, n, start)
					}
				}
				if slices.Max(words[n:]) != 0 {
					t.Fatalf("%s: %d words write behind", level, n)
				}
			}
		}
		restore()
	}
}
