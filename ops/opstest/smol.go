package opstest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/rouxml/roux/tensor"
)

// SmolConfig is the config.json of the shape of SmolLM2-135M.
const SmolConfig = `{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,"num_hidden_layers":30,"num_attention_heads":9,
"num_key_value_heads":3,"max_position_embeddings":8192,"rms_norm_eps":1e-5,"rope_theta":100000,"tie_word_embeddings":true}`

// Smol makes random weights of that shape in bfloat16, which lie in memory: what
// benchmarks of the forward pass run.
func Smol() tensor.Source {
	r := rand.New(rand.NewPCG(1, 1))
	m := &resident{at: map[string]int{}}
	add := func(name string, shape ...int) {
		info := tensor.Info{Name: name + ".weight", DType: tensor.BF16, Shape: shape}
		b := make([]byte, info.Bytes())
		for i := 0; i < len(b); i += 2 {
			v := float32(r.NormFloat64()) * 0.04
			if len(shape) == 1 {
				v++
			}
			h := math.Float32bits(v) >> 16
			b[i], b[i+1] = byte(h), byte(h>>8)
		}
		m.at[info.Name] = len(m.infos)
		m.infos, m.data = append(m.infos, info), append(m.data, b)
	}
	add("model.embed_tokens", 49152, 576)
	add("model.norm", 576)
	for i := range 30 {
		p := fmt.Sprintf("model.layers.%d.", i)
		add(p+"input_layernorm", 576)
		add(p+"post_attention_layernorm", 576)
		add(p+"self_attn.q_proj", 576, 576)
		add(p+"self_attn.k_proj", 192, 576)
		add(p+"self_attn.v_proj", 192, 576)
		add(p+"self_attn.o_proj", 576, 576)
		add(p+"mlp.gate_proj", 1536, 576)
		add(p+"mlp.up_proj", 1536, 576)
		add(p+"mlp.down_proj", 576, 1536)
	}
	return m
}

// resident is weights that lie in memory as a file would that is mapped.
type resident struct {
	infos []tensor.Info
	data  [][]byte
	at    map[string]int
}

// Infos lists the headers.
func (m *resident) Infos() []tensor.Info { return m.infos }

// Tensor returns a weight.
func (m *resident) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := m.at[name]
	if !ok {
		return nil, false
	}
	return inMemory{m.infos[i], m.data[i]}, true
}

type inMemory struct {
	info tensor.Info
	b    []byte
}

// Info returns the header.
func (t inMemory) Info() tensor.Info { return t.info }

// Bytes returns all bytes; not to be changed.
func (t inMemory) Bytes() []byte { return t.b }

// ReadAt reads bytes.
func (t inMemory) ReadAt(p []byte, off int64) (int, error) { return copy(p, t.b[off:]), nil }
