package opstest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// Scene is what a scoring op is tried on.
type Scene struct {
	Seed    uint64
	Workers int
	Memory  int64 // 0: a gigabyte
	Scratch string
	Config  string // of all models; empty: a small llama; a blank: none
	NaN     bool   // a weight of the first model is NaN
	Empty   bool   // the data holds nothing
	Foreign bool   // the tokenizer makes tokens that the models lack
}

const smallLlama = `{"model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
"num_key_value_heads": 2, "vocab_size": 260, "max_position_embeddings": 96, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true}`

// Score runs a scoring op over small models with random weights.
func Score(op *ops.Op, params any, models int, s Scene) (ops.Metrics, error) {
	if s.Memory == 0 {
		s.Memory = 1 << 30
	}
	subjects, headers := make([]ops.Subject, models), make([]ops.Header, models)
	for i := range subjects {
		subjects[i] = s.Subject(i)
		headers[i] = subjects[i].Header
	}
	var data []*ops.Data
	for range schema.DataRefs(params) {
		data = append(data, s.data())
	}
	if err := op.Score.Check(params, headers, data); err != nil {
		return ops.Metrics{}, err
	}
	var results []ops.Result
	for _, ports := range op.Score.Runs(params, models) {
		x := &ops.Trial{Data: data, Seed: s.Seed, Workers: s.Workers, Memory: s.Memory, Scratch: s.Scratch}
		for _, i := range ports {
			x.Models = append(x.Models, subjects[i])
		}
		r, err := op.Score.Run(context.Background(), params, x)
		if err != nil {
			return ops.Metrics{}, err
		}
		results = append(results, r)
	}
	return op.Score.Finish(params, headers, s.Seed, results)
}

func (s Scene) data() *ops.Data {
	d := &ops.Data{Name: "held", Pos: schema.Pos{File: "r.yaml", Line: 1, Column: 1}, Length: 24}
	if s.Empty {
		return d
	}
	r := rand.New(rand.NewPCG(9, 9))
	word := func() string {
		b := make([]byte, 3+r.IntN(5))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	for i := range 6 {
		var text bytes.Buffer
		for range 12 {
			text.WriteString(word() + " ")
		}
		d.Texts = append(d.Texts, text.String())
		d.Rows = append(d.Rows, map[string]string{"first": word() + " " + word(), "second": word(), "score": fmt.Sprint(r.Float64())})
		d.Items = append(d.Items, ops.Item{Context: text.String()[:20+i], Delimiter: " ", Choices: []string{word(), word() + " " + word(), word()}, Gold: r.IntN(3), Answer: word(), Limit: 5})
	}
	return d
}

// Subject makes the i-th model.
func (s Scene) Subject(i int) ops.Subject {
	switch s.Config {
	case "":
		s.Config = smallLlama
	case " ":
		s.Config = ""
	}
	src := &memory{data: map[string][]byte{}}
	r := rand.New(rand.NewPCG(uint64(i+1), 2))
	add := func(name string, shape ...int) {
		info := tensor.Info{Name: name, DType: tensor.F32, Shape: shape}
		var b []byte
		for range info.Shape.Numel() {
			v := float32(r.NormFloat64()) * 0.2
			if len(shape) == 1 {
				v++
			}
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		src.infos, src.data[name] = append(src.infos, info), b
	}
	add("model.embed_tokens.weight", 260, 32)
	for l := range 2 {
		at := fmt.Sprintf("model.layers.%d.", l)
		add(at+"input_layernorm.weight", 32)
		add(at+"self_attn.q_proj.weight", 32, 32)
		add(at+"self_attn.k_proj.weight", 16, 32)
		add(at+"self_attn.v_proj.weight", 16, 32)
		add(at+"self_attn.o_proj.weight", 32, 32)
		add(at+"post_attention_layernorm.weight", 32)
		add(at+"mlp.gate_proj.weight", 48, 32)
		add(at+"mlp.up_proj.weight", 48, 32)
		add(at+"mlp.down_proj.weight", 32, 48)
	}
	add("model.norm.weight", 32)
	if s.NaN && i == 0 {
		binary.LittleEndian.PutUint32(src.data["model.layers.1.mlp.down_proj.weight"], math.Float32bits(float32(math.NaN())))
	}
	h := ops.NewHeader(fmt.Sprintf("m%d", i), src.infos, &tensor.Model{Roles: roles{}, Config: []byte(s.Config)})
	h.Tokenizer = func() (ops.Tokenizer, error) { return letters{s.Foreign}, nil }
	return ops.Subject{Header: h, Weights: src}
}

// memory is weights in memory.
type memory struct {
	infos []tensor.Info
	data  map[string][]byte
}

// Infos lists the headers.
func (m *memory) Infos() []tensor.Info { return m.infos }

// Tensor returns a weight.
func (m *memory) Tensor(name string) (tensor.Tensor, bool) {
	for _, info := range m.infos {
		if info.Name == name {
			return stored{info, bytes.NewReader(m.data[name])}, true
		}
	}
	return nil, false
}

type stored struct {
	info tensor.Info
	io.ReaderAt
}

// Info returns the header.
func (s stored) Info() tensor.Info { return s.info }

// letters is a tokenizer with a token for each byte and a few special ones.
type letters struct{ foreign bool }

// Encode returns the bytes.
func (l letters) Encode(text string, o ops.Encoding) (ids []int32, ends []int, err error) {
	if o.Add {
		ids, ends = append(ids, 256), append(ends, 0)
	}
	for i, b := range []byte(text) {
		ids, ends = append(ids, int32(b)), append(ends, i+1)
		if l.foreign {
			ids[len(ids)-1] += 500
		}
	}
	return ids, ends, nil
}

// Decode returns the bytes again.
func (letters) Decode(ids []int32) string {
	var b []byte
	for _, id := range ids {
		if id < 256 {
			b = append(b, byte(id))
		}
	}
	return string(b)
}

// Token is the byte.
func (letters) Token(id int32) (string, bool) {
	if id < 0 || id > 255 {
		return "", false
	}
	return string([]byte{byte(id)}), true
}

// Named knows where a text begins and ends.
func (letters) Named(role string) (int32, bool) {
	id, ok := map[string]int32{"bos": 256, "eos": 257}[role]
	return id, ok
}

// Ends is the end of a text.
func (letters) Ends() []int32 { return []int32{257} }

// Size counts the tokens.
func (letters) Size() int { return 260 }

// Digest names the tokenizer.
func (letters) Digest() string { return "letters" }
