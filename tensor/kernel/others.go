package kernel

import (
	"math/bits"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// crowd is how many words of a mask are worked on at once: what is listed of
// them stays in the first cache.
const crowd = 32

// KeepAboveOthers keeps those open elements of a row that are larger in
// magnitude than another element of it, which a draw picks for each in turn, all
// others being as likely; of equal ones the first is the larger. The row, of two
// elements at least, begins at element at of the masks.
func KeepAboveOthers(keep, open Mask, row []float32, at int, draws []uint32) {
	for w := at / 64; w*64 < at+len(row); w += crowd {
		var words [crowd]uint64
		n, count := min(crowd, (at+len(row)+63)/64-w), 0
		for i := range n {
			words[i] = open.word(w+i, at, at+len(row))
			count += bits.OnesCount64(words[i])
		}
		keepAboveOthers(keep[w:w+n], words[:n], row, w*64-at, draws[:count])
		draws = draws[count:]
	}
}

// keepAboveOthers looks at the elements of the row that are open in words, whose
// first bit is element first.
func keepAboveOthers(keep Mask, words []uint64, row []float32, first int, draws []uint32) {
	if len(draws) == 0 {
		return
	}
	if cpu.Active() == cpu.Portable {
		for w, word := range words {
			for ; word != 0; word &= word - 1 {
				if i := bits.TrailingZeros64(word); outranks(row, uint32(first+w*64+i), draws[0]) {
					keep[w] |= 1 << i
				}
				draws = draws[1:]
			}
		}
		return
	}
	var list [64*crowd + 16]uint32
	var stream [crowd + 1]uint64
	n := body(len(draws), 1)
	if wide() {
		listedAVX512(&list[0], &words[0], len(words), int32(first))
		if n > 0 {
			outranksAVX512(&stream[0], &list[0], &draws[0], &row[0], uint32(len(row)-1), n)
		}
	} else {
		listedAVX2(&list[0], &words[0], len(words), int32(first))
		if n > 0 {
			outranksAVX2(&stream[0], &list[0], &draws[0], &row[0], uint32(len(row)-1), n)
		}
	}
	for i := n; i < len(draws); i++ {
		if outranks(row, list[i], draws[i]) {
			stream[i/64] |= 1 << (i % 64)
		}
	}
	depositAVX2(&keep[0], &words[0], &stream[0], len(words))
}

// outranks says whether an element comes before the other that the draw picks.
func outranks(row []float32, own, draw uint32) bool {
	other := uint32(uint64(draw) * uint64(len(row)-1) >> 32)
	if other >= own { // leave itself out
		other++
	}
	a, b := MagnitudeBits(row[own]), MagnitudeBits(row[other])
	return a > b || (a == b && other > own)
}
