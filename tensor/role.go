package tensor

// Kind is a tensor's part in the network, in one vocabulary for every
// architecture.
type Kind string

// The vocabulary of kinds.
const (
	Embed     Kind = "embed"
	Head      Kind = "head"
	Norm      Kind = "norm"
	AttnQ     Kind = "attn.q"
	AttnK     Kind = "attn.k"
	AttnV     Kind = "attn.v"
	AttnO     Kind = "attn.o"
	AttnQKV   Kind = "attn.qkv"
	MLPGate   Kind = "mlp.gate"
	MLPUp     Kind = "mlp.up"
	MLPDown   Kind = "mlp.down"
	MLPGateUp Kind = "mlp.gate_up"
	MoERouter Kind = "moe.router"
	MoEGate   Kind = "moe.gate"
	MoEUp     Kind = "moe.up"
	MoEDown   Kind = "moe.down"
	Bias      Kind = "bias"
	Other     Kind = "other"
)

// Role is where a tensor stands in its model.
type Role struct {
	Layer int // transformer layer from 0; -1 outside the layers
	Kind  Kind
	// Tower names a stack of layers beside the text model's, such as
	// "vision_tower.encoder.layers", by what stands before its numbers. It is
	// empty in the text model and outside all layers.
	Tower string
	// Foreign says, as far as the name tells, that it belongs to a part that
	// reads no text, such as a vision tower or a projector.
	Foreign bool
}
