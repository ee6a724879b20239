package lora

import "github.com/rouxml/roux/tensor"

// Roles tells the layer and kind of an adapter's tensors: those of the weights
// that they belong to.
type Roles struct{ Base tensor.Roles }

// Role asks about the weight that the tensor belongs to.
func (r Roles) Role(name string, shape tensor.Shape) tensor.Role {
	n, err := Split(name)
	switch {
	case err != nil:
		return tensor.Role{Layer: -1, Kind: tensor.Other}
	case n.Part == Whole || n.Part == Report:
		return r.Base.Role(n.Module, shape)
	case n.Part == Bias:
		return r.Base.Role(n.Module+".bias", shape)
	}
	return r.Base.Role(n.Module+".weight", shape)
}

// Layers is the number of the base's layers.
func (r Roles) Layers() int { return r.Base.Layers() }

// BaseRoles are the roles of an adapter's base.
func BaseRoles(r tensor.Roles) tensor.Roles {
	if own, ok := r.(Roles); ok {
		return own.Base
	}
	return r
}
