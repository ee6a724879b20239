package rng

import "github.com/rouxml/roux/tensor/kernel/cpu"

// Words fills dst with the 32-bit draws from index start.
func (k Key) Words(dst []uint32, start int) {
	for len(dst) > 0 {
		if n := len(dst) / (4 * chunk) * chunk; n > 0 && start&3 == 0 && cpu.Active() != cpu.Portable {
			schedule := k.schedule()
			if cpu.Active() == cpu.AVX512 {
				wordsAVX512(&dst[0], uint64(start)>>2, n, &schedule[0])
			} else {
				wordsAVX2(&dst[0], uint64(start)>>2, n, &schedule[0])
			}
			dst, start = dst[4*n:], start+4*n
			continue
		}
		b := k.block(uint64(start) >> 2)
		n := copy(dst, b[start&3:])
		dst, start = dst[n:], start+n
	}
}
