package loadertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// Tensor is a header with its stored bytes.
type Tensor struct {
	Info tensor.Info
	Data []byte
}

// Model is a model in memory that a format may be asked to store.
type Model struct {
	Name    string
	Tensors []Tensor
	Config  []byte
	Adapter []byte // text of adapter_config.json; nil for a whole model
	Files   []tensor.File
}

// Infos lists the headers.
func (m Model) Infos() []tensor.Info {
	infos := make([]tensor.Info, len(m.Tensors))
	for i, x := range m.Tensors {
		infos[i] = x.Info
	}
	return infos
}

// tensorModel is the model as a writer sees it: headers without bytes.
func (m Model) tensorModel(t *testing.T) *tensor.Model {
	t.Helper()
	roles, err := arch.Resolve(m.Config, m.Infos())
	if err != nil {
		t.Fatal(err)
	}
	return &tensor.Model{Weights: headers(m.Infos()), Config: m.Config, Family: roles.Family(), Roles: roles, Files: m.Files, Adapter: m.Adapter}
}

// headers is a Source without bytes.
type headers []tensor.Info

// Infos lists the headers.
func (h headers) Infos() []tensor.Info { return h }

// Tensor has none to give.
func (h headers) Tensor(string) (tensor.Tensor, bool) { return nil, false }

// Models makes the suite's models, the same for the same seed: plain weights of
// every dtype and rank, quantized ones of every scheme, and an adapter.
func Models(seed uint64) []Model {
	r := rand.New(rand.NewPCG(seed, 2))
	files := []tensor.File{{Name: "tokenizer.json", Data: []byte("{\"model\": {\"type\": \"BPE\"}}\n")}}
	list := []Model{{Name: "plain", Tensors: plain(r), Config: config, Files: files}}
	for _, q := range []tensor.Quant{
		{Bits: 4, Symmetric: true, GroupSize: 32},
		{Bits: 4, GroupSize: 32},
		{Bits: 8, Symmetric: true, Activations: true},
		{Bits: 8},
	} {
		list = append(list, Model{Name: q.String(), Tensors: quantized(r, q), Config: config, Files: files})
	}
	return append(list, Model{Name: "adapter", Tensors: adapter(r),
		Adapter: []byte(`{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}`)})
}

var config = []byte(`{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 2, "vocab_size": 24, "torch_dtype": "bfloat16", "tie_word_embeddings": true}` + "\n")

// plain has the tensors of a small llama and some that no llama has: a name
// with quotes, a scalar, an empty tensor, a rank of four.
func plain(r *rand.Rand) []Tensor {
	list := llama(r)
	for d := tensor.F64; d <= tensor.Bool; d++ {
		list = append(list, random(r, tensor.Info{Name: "extra." + d.String(), DType: d, Shape: tensor.Shape{3, 5}}))
	}
	return append(list,
		random(r, tensor.Info{Name: "extra \"quoted\" \u00e9", DType: tensor.F32, Shape: tensor.Shape{7}}),
		random(r, tensor.Info{Name: "extra.scalar", DType: tensor.I64, Shape: tensor.Shape{}}),
		random(r, tensor.Info{Name: "extra.empty", DType: tensor.BF16, Shape: tensor.Shape{0, 4}}),
		random(r, tensor.Info{Name: "extra.conv", DType: tensor.F16, Shape: tensor.Shape{2, 3, 1, 4}}))
}

func llama(r *rand.Rand) []Tensor {
	list := []Tensor{bf16(r, "model.embed_tokens.weight", 24, 64)}
	for l := range 2 {
		for _, part := range []struct {
			name       string
			rows, cols int
		}{{"self_attn.q_proj", 64, 64}, {"self_attn.o_proj", 64, 64}, {"mlp.up_proj", 96, 64}, {"mlp.down_proj", 64, 96}} {
			list = append(list, bf16(r, fmt.Sprintf("model.layers.%d.%s.weight", l, part.name), part.rows, part.cols))
		}
		list = append(list, bf16(r, fmt.Sprintf("model.layers.%d.input_layernorm.weight", l), 64))
	}
	return append(list, bf16(r, "model.norm.weight", 64))
}

func bf16(r *rand.Rand, name string, shape ...int) Tensor {
	return random(r, tensor.Info{Name: name, DType: tensor.BF16, Shape: shape})
}

// quantized is a llama whose layers' matrices have codes, and whose rows do
// not come in whole words of packed codes or zero points.
func quantized(r *rand.Rand, q tensor.Quant) []Tensor {
	list := llama(r)
	for i, x := range list {
		if len(x.Info.Shape) == 2 && i > 0 {
			x.Info.Quant = &q
			list[i] = random(r, x.Info)
		}
	}
	odd := tensor.Info{Name: "model.layers.1.mlp.gate_proj.weight", DType: tensor.BF16, Shape: tensor.Shape{13, 64}, Quant: &q}
	return append(list, random(r, odd))
}

func adapter(r *rand.Rand) []Tensor {
	var list []Tensor
	for l := range 2 {
		prefix := fmt.Sprintf("base_model.model.model.layers.%d.self_attn.q_proj.", l)
		list = append(list, bf16(r, prefix+"lora_A.weight", 4, 64), bf16(r, prefix+"lora_B.weight", 64, 4))
	}
	return list
}

// random fills a tensor with values that its dtype holds.
func random(r *rand.Rand, info tensor.Info) Tensor {
	data := make([]byte, info.Bytes())
	switch {
	case info.Quant != nil:
		records(r, info, data)
	case info.DType == tensor.Bool:
		for i := range data {
			data[i] = byte(r.IntN(2))
		}
	case info.DType.IsFloat():
		vals := make([]float32, info.Shape.Numel())
		for i := range vals {
			vals[i] = float32(r.NormFloat64())
		}
		if err := codec.FromF32(data, vals, info.DType); err != nil {
			panic(err) // every float dtype can be stored
		}
	default:
		for i := range data {
			data[i] = byte(r.Uint32())
		}
	}
	return Tensor{info, data}
}

// records fills rows with codes, scales that a bfloat16 holds, and zero points.
func records(r *rand.Rand, info tensor.Info, data []byte) {
	lo, hi := info.Quant.Range()
	for i := range info.Shape.Rows() {
		rec := codec.RecordAt(data, i, info.Shape.Cols(), *info.Quant)
		for j := range info.Shape.Cols() {
			rec.SetCode(j, int8(lo+r.IntN(hi-lo+1)))
		}
		for g := range info.Quant.Groups(info.Shape.Cols()) {
			rec.SetScale(g, math.Float32frombits(0x3c000000|r.Uint32N(128)<<16))
			if !info.Quant.Symmetric {
				rec.SetZero(g, int8(lo+r.IntN(hi-lo+1)))
			}
		}
	}
}

// changed returns the model with one bit of one tensor turned.
func (m Model) changed(i int) Model {
	m.Tensors = slices.Clone(m.Tensors)
	m.Tensors[i].Data = slices.Clone(m.Tensors[i].Data)
	m.Tensors[i].Data[0] ^= 1
	return m
}
