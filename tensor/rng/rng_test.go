package rng

import (
	"math"
	"testing"
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

// TestDrop: the share kept is near p by four standard deviations, and any cut
// of the range draws the same.
func TestDrop(t *testing.T) {
	const n = 1 << 16
	for _, p := range []float64{0.1, 0.5, 0.9} {
		k := NewKey(1, "op", "role", "tensor", "drop")
		whole := ones(n)
		k.Drop(0, p, whole)
		kept := 0
		for _, v := range whole {
			if v != 0 {
				kept++
			}
		}
		if d := math.Abs(float64(kept) - p*n); d > 4*math.Sqrt(n*p*(1-p)) {
			t.Errorf("p %v: kept %d of %d", p, kept, n)
		}
		cut := ones(n)
		for from := 0; from < n; from += 1013 {
			k.Drop(from, p, cut[from:min(from+1013, n)])
		}
		for i := range cut {
			if cut[i] != whole[i] {
				t.Fatalf("p %v: element %d depends on the cut", p, i)
			}
		}
	}
}

func ones(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
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
