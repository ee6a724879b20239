package ops

// Scope is the smallest part of a model that a kernel must see at once.
type Scope uint8

// The scopes, from the smallest to the largest.
const (
	Rows   Scope = iota // any row range of a tensor
	Tensor              // a whole tensor
	Layer               // the tensors of one transformer layer
	Model               // whole models
)

// String returns the scope's name in lower case.
func (s Scope) String() string {
	return [...]string{"rows", "tensor", "layer", "model"}[s]
}
