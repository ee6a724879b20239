package torch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/tensor"
)

// wrappers are keys under which trainers keep the state dict beside other
// things.
var wrappers = []string{"state_dict", "model_state_dict", "model", "module"}

// named is a tensor of a state dict.
type named struct {
	info tensor.Info
	view *view
}

// tensorsOf takes the tensors out of what a pickle came to: a dictionary of
// them by name, or one that has such a dictionary under a known key.
func tensorsOf(v any) ([]named, error) {
	d, ok := v.(*dict)
	if !ok {
		return nil, fmt.Errorf("it holds %s, and no dictionary of tensors: save model.state_dict()", describe(v))
	}
	for _, key := range wrappers {
		if inner, ok := d.values[key].(*dict); ok {
			d = inner
			break
		}
	}
	var list []named
	var bad []string
	for _, key := range d.keys {
		name, isText := key.(string)
		view, isTensor := d.values[key].(*view)
		switch {
		case !isText:
			bad = append(bad, fmt.Sprintf("%s is no name of a tensor", describe(key)))
		case !isTensor:
			bad = append(bad, fmt.Sprintf("%q holds %s", name, describe(d.values[key])))
		default:
			list = append(list, named{tensor.Info{Name: name, DType: view.dtype, Shape: view.shape}, view})
		}
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("%d of its %d entries are no tensors: %s: save the tensors alone, as model.state_dict() has them",
			len(bad), len(d.keys), strings.Join(bad[:min(5, len(bad))], "; "))
	}
	if len(list) == 0 {
		return nil, errors.New("it holds no tensors")
	}
	return list, nil
}

// contiguous says whether the elements lie one behind the other.
func (v *view) contiguous() bool {
	next := int64(1)
	for i, n := range slices.Backward(v.shape) {
		if n != 1 && v.strides[i] != next {
			return v.shape.Numel() == 0
		}
		next *= int64(n)
	}
	return true
}
