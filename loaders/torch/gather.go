package torch

import (
	"cmp"
	"slices"
)

const (
	// window is the most that is read of a storage at once.
	window = 256 << 10
	// gap is up to how many bytes between two runs of elements are read with
	// them rather than skipped by another read.
	gap = 4 << 10
	// near is how much of a window the processor has at hand.
	near = 32 << 10
)

// axis is one dimension of a box: how many steps it has, and how far apart they
// lie in the storage and in what is filled, in elements.
type axis struct{ n, from, to int64 }

// gatherer puts the elements of a view into their order. It reads the storage
// by windows, whatever the strides, and so needs no more memory for a large
// tensor than for a small one.
type gatherer struct {
	size   int64                          // bytes of an element
	window int64                          // the most bytes that are read at once
	read   func(p []byte, at int64) error // of the storage, from the view's first element on
	raw    []byte                         // a window
}

// bytes returns what fills a slice with bytes of the view. They may begin and
// end within an element.
func (g *gatherer) bytes(v *view) func(p []byte, off int64) error {
	return func(p []byte, off int64) error {
		for len(p) > 0 {
			skip, n := off%g.size, int64(len(p))/g.size*g.size
			if skip == 0 && n > 0 {
				if err := g.elements(v, p[:n], off/g.size); err != nil {
					return err
				}
			} else {
				one := make([]byte, g.size)
				if err := g.elements(v, one, off/g.size); err != nil {
					return err
				}
				n = int64(copy(p, one[skip:]))
			}
			p, off = p[n:], off+n
		}
		return nil
	}
}

// elements fills dst with elements of the view from one on, in its own order.
func (g *gatherer) elements(v *view, dst []byte, first int64) error {
	return g.cut(v, dst, 0, first, first+int64(len(dst))/g.size, 0, 0)
}

// cut takes the elements from first to end of those below one dimension, which
// is one box or, at both ends, parts of one step.
func (g *gatherer) cut(v *view, dst []byte, dim int, first, end, src, to int64) error {
	if first >= end {
		return nil
	}
	below := int64(1)
	for _, n := range v.shape[min(dim+1, len(v.shape)):] {
		below *= int64(n)
	}
	if dim == len(v.shape) {
		return g.box(dst, src, to, nil)
	}
	from, until, stride := first/below, end/below, v.strides[dim] // whole steps, if the first is one
	if skip := first % below; skip != 0 {
		stop := min(end, (from+1)*below)
		if err := g.cut(v, dst, dim+1, skip, stop-from*below, src+from*stride, to); err != nil {
			return err
		}
		return g.cut(v, dst, dim, stop, end, src, to+stop-first)
	}
	if until > from {
		whole := (until - from) * below
		axes := []axis{{until - from, stride, below}}
		for i := dim + 1; i < len(v.shape); i++ {
			below /= int64(v.shape[i])
			axes = append(axes, axis{int64(v.shape[i]), v.strides[i], below})
		}
		if err := g.box(dst, src+from*stride, to, axes); err != nil {
			return err
		}
		return g.cut(v, dst, dim, first+whole, end, src, to+whole)
	}
	return g.cut(v, dst, dim+1, 0, end-from*below, src+from*stride, to)
}

// box takes over the axes and sorts them by where they lead in the storage, so
// that it is read in its own order.
func (g *gatherer) box(dst []byte, src, to int64, axes []axis) error {
	axes = slices.DeleteFunc(axes, func(a axis) bool { return a.n == 1 })
	slices.SortStableFunc(axes, func(a, b axis) int { return cmp.Compare(b.from, a.from) })
	return g.split(dst, src, to, axes)
}

// split walks over the outer axes and reads what the inner ones cover at once.
// An axis that is too long for a window becomes two.
func (g *gatherer) split(dst []byte, src, to int64, axes []axis) error {
	inner, span := len(axes), int64(1)
	for ; inner > 0; inner-- {
		a := axes[inner-1]
		if (a.from-span)*g.size > gap {
			break
		}
		if most := (g.window/g.size - span) / max(a.from, 1); a.from > 0 && a.n-1 > most {
			if most == 0 {
				break
			}
			return g.halves(dst, src, to, axes, inner-1, most+1)
		}
		span += (a.n - 1) * a.from
	}
	return g.walk(dst, src, to, axes[:inner], axes[inner:], span)
}

// halves cuts an axis into blocks of some steps, and what is left.
func (g *gatherer) halves(dst []byte, src, to int64, axes []axis, which int, steps int64) error {
	a := axes[which]
	blocks, rest := a.n/steps, a.n%steps
	part := slices.Clone(axes)
	part[which].n = rest
	whole := slices.Insert(slices.Clone(axes), which, axis{blocks, a.from * steps, a.to * steps})
	whole[which+1].n = steps
	if err := g.split(dst, src, to, whole); err != nil || rest == 0 {
		return err
	}
	return g.split(dst, src+blocks*steps*a.from, to+blocks*steps*a.to, part)
}

func (g *gatherer) walk(dst []byte, src, to int64, outer, inner []axis, span int64) error {
	switch {
	case len(inner) == 0 || len(inner) == 1 && inner[0].from == 1 && inner[0].to == 1:
		return g.straight(dst, src, to, outer, span)
	case len(outer) == 0:
		return g.batch(dst, src, to, axis{n: 1}, inner, span)
	case len(outer) > 1:
		for i := range outer[0].n {
			if err := g.walk(dst, src+i*outer[0].from, to+i*outer[0].to, outer[1:], inner, span); err != nil {
				return err
			}
		}
		return nil
	}
	a, most := outer[0], max(1, min(g.window, near)/(span*g.size))
	for i := int64(0); i < a.n; i += most {
		part := axis{min(most, a.n-i), a.from, a.to}
		if err := g.batch(dst, src+i*a.from, to+i*a.to, part, inner, span); err != nil {
			return err
		}
	}
	return nil
}

// straight reads runs that stay as they are.
func (g *gatherer) straight(dst []byte, src, to int64, outer []axis, span int64) error {
	if len(outer) == 0 {
		return g.read(dst[to*g.size:(to+span)*g.size], src*g.size)
	}
	for i := range outer[0].n {
		if err := g.straight(dst, src+i*outer[0].from, to+i*outer[0].to, outer[1:], span); err != nil {
			return err
		}
	}
	return nil
}

// batch reads a few runs and puts their elements where they belong, in the
// order of what is filled.
func (g *gatherer) batch(dst []byte, src, to int64, runs axis, inner []axis, span int64) error {
	if int64(len(g.raw)) < runs.n*span*g.size {
		g.raw = make([]byte, runs.n*span*g.size)
	}
	raw := g.raw[:runs.n*span*g.size]
	for i := range runs.n {
		if err := g.read(raw[i*span*g.size:(i+1)*span*g.size], (src+i*runs.from)*g.size); err != nil {
			return err
		}
	}
	axes := append(slices.Clone(inner), axis{runs.n, span, runs.to})
	slices.SortStableFunc(axes, func(a, b axis) int { return cmp.Compare(b.to, a.to) })
	g.scatter(dst, raw, to, 0, axes)
	return nil
}

func (g *gatherer) scatter(dst, raw []byte, to, at int64, axes []axis) {
	if len(axes) > 1 {
		for i := range axes[0].n {
			g.scatter(dst, raw, to+i*axes[0].to, at+i*axes[0].from, axes[1:])
		}
		return
	}
	a := axes[0]
	d, s := to*g.size, at*g.size
	dStep, sStep := a.to*g.size, a.from*g.size
	switch g.size {
	case 2:
		for range a.n {
			*(*[2]byte)(dst[d:]) = *(*[2]byte)(raw[s:])
			d, s = d+dStep, s+sStep
		}
	case 4:
		for range a.n {
			*(*[4]byte)(dst[d:]) = *(*[4]byte)(raw[s:])
			d, s = d+dStep, s+sStep
		}
	default:
		for range a.n {
			copy(dst[d:d+g.size], raw[s:s+g.size])
			d, s = d+dStep, s+sStep
		}
	}
}
