package arch

import (
	"slices"

	"github.com/rouxml/roux/tensor"
)

// Final makes config.json say of layers, vocabulary, dtype and a head of its
// own what the headers do; nil stays nil.
func Final(config []byte, infos []tensor.Info) ([]byte, error) {
	if config == nil {
		return nil, nil
	}
	a, err := Resolve(config, infos)
	if err != nil {
		return nil, err
	}
	f := Facts{Layers: a.Layers(), Vocab: a.Vocabulary(infos), DType: dominant(infos)}
	head := slices.ContainsFunc(infos, func(info tensor.Info) bool {
		role := a.Role(info.Name, info.Shape)
		return role.Layer < 0 && role.Kind == tensor.Head && len(info.Shape) == 2 && info.Shape[0] == f.Vocab && !Foreign(info.Name)
	})
	if head && a.Tied(config, nil) {
		f.Tied = new(bool) // the head stands alone now
	}
	return a.EditConfig(config, f)
}

// dominant is the float dtype that most bytes have; quantized tensors count by
// the dtype of their values.
func dominant(infos []tensor.Info) tensor.DType {
	sizes := map[tensor.DType]int64{}
	best := tensor.Invalid
	for _, info := range infos {
		if info.DType.IsFloat() {
			sizes[info.DType] += int64(info.Shape.Numel())
		}
	}
	for d := tensor.F64; d <= tensor.F8E5M2; d++ {
		if sizes[d] > sizes[best] {
			best = d
		}
	}
	return best
}
