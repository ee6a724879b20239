package adapter

import (
	"errors"

	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/rng"
)

// series is one adapter's numbers in a sum: given, or made when needed.
type series struct {
	x    []float32
	make func(dst []float32)
	w    float32
	key  rng.Key
}

// mix sums weighted series element by element, after dropping a share of each
// and, if it elects, leaving out those whose sign was not elected.
type mix struct {
	list    []series
	density float64
	random  bool // drop by chance and divide by the density, not the smallest
	elect   bool // average those whose sign is that of the sum
	count   bool // that of the count of signs instead
}

var errNothing = errors.New("the density keeps nothing of a factor: raise it, or leave the module out with where")

// into fills dst, whose length is that of every series.
func (m mix) into(dst []float32) error {
	masks := make([]kernel.Mask, len(m.list))
	var room []float32 // of one made series
	if m.list[0].make != nil {
		room = make([]float32, len(dst))
	}
	var votes []float32
	if m.elect {
		votes = make([]float32, len(dst))
	}
	for i := range m.list {
		x := m.list[i].values(room)
		if m.density < 1 {
			if masks[i] = m.keep(x, m.list[i].key); masks[i] == nil {
				return errNothing
			}
		}
		if m.elect {
			m.vote(votes, x, masks[i])
		}
	}
	m.sum(dst, votes, masks, room)
	return nil
}

func (s series) values(room []float32) []float32 {
	if s.make == nil {
		return s.x
	}
	s.make(room)
	return room
}

// keep says which elements stay, or nil when none do.
func (m mix) keep(x []float32, key rng.Key) kernel.Mask {
	keep := make(kernel.Mask, kernel.MaskWords(len(x)))
	if m.random {
		key.Keep(keep, 0, len(x), m.density)
		return keep
	}
	k := int(m.density * float64(len(x)))
	if k < 1 {
		return nil
	}
	bits, ties := kernel.KthMagnitude(x, k, 0)
	upto := 0
	for ; ties > 0; upto++ {
		if kernel.MagnitudeBits(x[upto]) == bits {
			ties--
		}
	}
	kernel.KeepLargest(keep, x, bits, upto)
	return keep
}

func (m mix) vote(votes, x []float32, keep kernel.Mask) {
	for i, v := range x {
		switch {
		case keep != nil && !keep.Has(i):
		case !m.count:
			votes[i] += v
		case v > 0:
			votes[i]++
		case v < 0:
			votes[i]--
		}
	}
}

// sum adds up what stays; a vote of zero elects the positive sign.
func (m mix) sum(dst, votes []float32, masks []kernel.Mask, room []float32) {
	clear(dst)
	var agreed []uint16
	if m.elect {
		agreed = make([]uint16, len(dst))
	}
	for k, s := range m.list {
		w := s.w
		if m.random && m.density < 1 {
			w /= float32(m.density)
		}
		for i, v := range s.values(room) {
			if masks[k] != nil && !masks[k].Has(i) {
				continue
			}
			if m.elect {
				if v == 0 || (v > 0) != (votes[i] >= 0) {
					continue
				}
				agreed[i]++
			}
			dst[i] += float32(w * v)
		}
	}
	for i, n := range agreed {
		if n > 1 {
			dst[i] /= float32(n)
		}
	}
}
