package gemm

import (
	"encoding/binary"
	"slices"
	"testing"
)

// testPacker holds a packing loop to its scalar twin for every number of rows
// in a panel, over lengths of k up to 130, from unaligned sources, with a guard
// behind the panel. Source makes n elements.
func testPacker[T float, S any](t *testing.T, width int, across bool, source func(n int) []S, got, want packer[T, S]) {
	t.Helper()
	for k := 1; k <= 130; k += 1 + k/20 {
		for n := 1; n <= width; n++ {
			rows, cols := k, n
			if across {
				rows, cols = n, k
			}
			ld := cols + 3
			src := source((rows-1)*ld + cols)
			dst, twin := make([]T, k*width+16), make([]T, k*width+16)
			for i := range dst {
				dst[i], twin[i] = 99, 99
			}
			got(dst[:k*width], width, src, ld, n, k)
			want(twin[:k*width], width, src, ld, n, k)
			if !slices.Equal(dst, twin) {
				t.Fatalf("width %d, across %v: %d of k %d: packed %v, want %v", width, across, n, k, dst, twin)
			}
		}
	}
}

// testKitPacks tests every width that the kit packs.
func testKitPacks[T float](t *testing.T, kit *kit[T]) {
	all := fill[T](newRand(), 20000)
	source := func(n int) []T { return all[1 : 1+n] }
	widths := []int{kit.nr, kit.mr}
	for _, l := range kit.lower {
		widths = append(widths, l.mr)
	}
	for _, width := range widths {
		testPacker(t, width, false, source, kit.along, portableAlong[T])
		testPacker(t, width, true, source, kit.across, portableAcross[T])
	}
}

func TestPacks(t *testing.T) {
	onEveryLevel(t, func(t *testing.T) {
		testKitPacks(t, f32Kit())
		testKitPacks(t, f64Kit())
	})
}

func TestHalfPacks(t *testing.T) {
	raw := make([]byte, 40001)
	for i := 1; i < len(raw); i += 2 {
		binary.LittleEndian.PutUint16(raw[i:], uint16(i*7)&0x3FFF)
	}
	source := func(n int) []byte { return raw[1 : 1+2*n] }
	onEveryLevel(t, func(t *testing.T) {
		for _, format := range []Format{BF16, F16} {
			twin, width := portableHalf(format), f32Kit().nr
			testPacker(t, width, false, source, halfKit(format).along, twin.along)
			testPacker(t, width, true, source, halfKit(format).across, twin.across)
		}
	})
}
