package kernel

// OthersRoom is how many elements a row for AboveOthers has room for behind it,
// and how many of a row share a draw.
const OthersRoom = 16

// AboveOthers sets bit at+i of a clear mask for each element i of a row that is
// larger in magnitude than another of it; of equal ones the first is the larger.
// The other is so many elements further, and from the end of the row on from its
// begin; how many, a draw says for every 16 elements, all numbers but zero being
// as likely. Each element is so compared with any other, and is the larger with
// the probability that its rank says.
//
// The row, of two elements at least, has OthersRoom behind it, which is
// overwritten.
func AboveOthers(above Mask, at int, row []float32, draws []uint32) {
	n := len(row) - OthersRoom
	for i := range OthersRoom {
		row[n+i] = row[i%n]
	}
	done := 0
	if body(n, 1) > 0 {
		done = n &^ (OthersRoom - 1)
	}
	switch {
	case done == 0:
	case at%OthersRoom == 0:
		aboveOthers(above, at, row, draws, 0, done)
	default:
		aboveUneven(above, at, row, draws, done)
	}
	for i := done; i < n; i++ {
		if larger(row[:n], i, draws[i/OthersRoom]) {
			above.Set(at + i)
		}
	}
}

func aboveOthers(above Mask, at int, row []float32, draws []uint32, from, to int) {
	if wide() {
		aboveOthersAVX512(&above[0], at, &row[0], &draws[0], from, to, len(row)-OthersRoom)
	} else {
		aboveOthersAVX2(&above[0], at, &row[0], &draws[0], from, to, len(row)-OthersRoom)
	}
}

// aboveUneven is for rows that do not begin where the assembly can put bits.
func aboveUneven(above Mask, at int, row []float32, draws []uint32, n int) {
	var words [32]uint64
	for from := 0; from < n; from += 64 * len(words) {
		to := min(n, from+64*len(words))
		clear(words[:])
		aboveOthers(words[:], -from, row, draws, from, to)
		for w := range MaskWords(to - from) {
			i := at + from + 64*w
			above[i/64] |= words[w] << (i % 64)
			if high := words[w] >> (64 - i%64); high != 0 {
				above[i/64+1] |= high
			}
		}
	}
}

// larger says whether an element comes before the other that the draw picks.
func larger(row []float32, own int, draw uint32) bool {
	other := own + 1 + int(uint64(draw)*uint64(len(row)-1)>>32)
	if other >= len(row) {
		other -= len(row)
	}
	a, b := MagnitudeBits(row[own]), MagnitudeBits(row[other])
	return a > b || (a == b && other > own)
}
