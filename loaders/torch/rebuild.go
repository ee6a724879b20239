package torch

import (
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor"
)

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// rebuildTensor is (storage, offset, size, stride, ...): what follows is about
// training.
func rebuildTensor(_ *machine, args tuple) (any, error) {
	if len(args) < 4 {
		return nil, errorf("%d arguments", len(args))
	}
	s, ok := args[0].(*storage)
	if !ok || s.dtype == tensor.Invalid {
		return nil, errorf("%s stands where a typed storage belongs", describe(args[0]))
	}
	return newView(s, s.dtype, args)
}

// rebuildTensor3 has the dtype behind (storage, offset, size, stride,
// requires_grad, hooks), over bytes without a type.
func rebuildTensor3(_ *machine, args tuple) (any, error) {
	if len(args) < 7 {
		return nil, errorf("%d arguments", len(args))
	}
	s, ok := args[0].(*storage)
	d := dtypeOf(args[6])
	if !ok || d == tensor.Invalid {
		return nil, errorf("%s and %s stand where a storage and a dtype belong", describe(args[0]), describe(args[6]))
	}
	return newView(s, d, args)
}

// newView holds a tensor to its storage.
func newView(s *storage, d tensor.DType, args tuple) (*view, error) {
	offset, ok := args[1].(int64)
	sizes, ok1 := numbers(args[2])
	strides, ok2 := numbers(args[3])
	if !ok || !ok1 || !ok2 || len(sizes) != len(strides) || offset < 0 {
		return nil, errorf("offset %s, size %s, stride %s", describe(args[1]), describe(args[2]), describe(args[3]))
	}
	if len(sizes) > maxRank {
		return nil, errorf("a tensor of %d dimensions: at most %d can be read", len(sizes), maxRank)
	}
	v := &view{of: s, dtype: d, offset: offset, strides: strides}
	for _, n := range sizes {
		v.shape = append(v.shape, int(n))
	}
	if err := v.shape.Check(); err != nil {
		return nil, err
	}
	return v, v.inside()
}

// maxRank is the most dimensions that torch itself gives a tensor.
const maxRank = 64

// maxRepeat is how many elements a view may have that repeats those of its
// storage, as expand() makes it: a small file could otherwise ask for any
// amount of memory.
const maxRepeat = 1 << 24

// inside checks that all elements lie in the storage.
func (v *view) inside() error {
	last := v.offset
	for i, n := range v.shape {
		stride := v.strides[i]
		if n == 0 {
			return nil
		}
		if stride < 0 || n > 1 && stride > (math.MaxInt64/2-last)/int64(n-1) {
			return errorf("shape %v with strides %v", v.shape, v.strides)
		}
		last += int64(n-1) * stride
	}
	if have := v.of.bytes() / int64(v.dtype.Size()); last >= have {
		return errorf("element %d of a storage of %d: the file is damaged", last, have)
	}
	if n := int64(v.shape.Numel()); n > last-v.offset+1 && n > maxRepeat {
		return errorf("%d elements are repeated to %v: save the tensor with contiguous()", last-v.offset+1, v.shape)
	}
	return nil
}

// numbers reads a tuple, list or torch.Size of whole numbers.
func numbers(v any) ([]int64, bool) {
	items, ok := v.(tuple)
	if l, isList := v.(*list); isList {
		items, ok = l.items, true
	}
	out := make([]int64, len(items))
	for i, item := range items {
		n, isInt := item.(int64)
		if !isInt || n > math.MaxInt32*int64(1<<16) {
			return nil, false
		}
		out[i] = n
	}
	return out, ok
}

// rebuildParameter is (tensor, requires_grad, hooks, ...).
func rebuildParameter(_ *machine, args tuple) (any, error) {
	if len(args) == 0 {
		return nil, errorf("no arguments")
	}
	v, ok := args[0].(*view)
	if !ok {
		return nil, errorf("%s stands where a tensor belongs", describe(args[0]))
	}
	return v, nil
}

// rebuildFromType is (function, type, arguments, state): a tensor of another
// class, or with attributes, which do not matter here.
func rebuildFromType(m *machine, args tuple) (any, error) {
	if len(args) < 3 {
		return nil, errorf("%d arguments", len(args))
	}
	f, ok := args[0].(global)
	inner, isTuple := args[2].(tuple)
	if !ok || !isTuple || f == (global{"torch._tensor", "_rebuild_from_type_v2"}) {
		return nil, errorf("%s with %s", describe(args[0]), describe(args[2]))
	}
	return m.apply(f, inner)
}

func makeSize(_ *machine, args tuple) (any, error) {
	if len(args) != 1 {
		return nil, errorf("%d arguments", len(args))
	}
	if _, ok := numbers(args[0]); !ok {
		return nil, errorf("%s is no shape", describe(args[0]))
	}
	return args[0], nil
}

// makeDict makes an OrderedDict, empty or of a list of pairs.
func makeDict(_ *machine, args tuple) (any, error) {
	d := newDict()
	if len(args) == 0 {
		return d, nil
	}
	l, ok := args[0].(*list)
	if !ok {
		return nil, errorf("%s stands where a list of pairs belongs", describe(args[0]))
	}
	for _, item := range l.items {
		var pair []any
		switch p := item.(type) {
		case tuple:
			pair = p
		case *list:
			pair = p.items
		}
		if len(pair) != 2 {
			return nil, errorf("%s stands where a pair belongs", describe(item))
		}
		if err := d.set(pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}
