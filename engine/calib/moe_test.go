package calib_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

const experts = `{"model_type": "mixtral", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
"num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 96, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "num_local_experts": 6, "num_experts_per_tok": 2}`

// weights is weights in memory.
type weights struct {
	infos []tensor.Info
	data  map[string][]byte
}

func (w *weights) Infos() []tensor.Info { return w.infos }
func (w *weights) Tensor(name string) (tensor.Tensor, bool) {
	i := slices.IndexFunc(w.infos, func(i tensor.Info) bool { return i.Name == name })
	if i < 0 {
		return nil, false
	}
	return reader{w.infos[i], bytes.NewReader(w.data[name])}, true
}

type reader struct {
	info tensor.Info
	io.ReaderAt
}

func (r reader) Info() tensor.Info { return r.info }

// mixtureOf makes a model with six experts, as one tensor each or stacked.
func mixtureOf(stacked bool) ops.Subject {
	r := rand.New(rand.NewPCG(3, 3))
	w := &weights{data: map[string][]byte{}}
	put := func(name string, b []byte, shape ...int) {
		w.infos = append(w.infos, tensor.Info{Name: name, DType: tensor.F32, Shape: shape})
		w.data[name] = b
	}
	draw := func(shape ...int) (b []byte) {
		for range (tensor.Shape(shape)).Numel() {
			v := float32(r.NormFloat64()) * 0.2
			if len(shape) == 1 {
				v++
			}
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		return b
	}
	add := func(name string, shape ...int) { put(name+".weight", draw(shape...), shape...) }
	add("model.embed_tokens", 64, 32)
	add("lm_head", 64, 32)
	add("model.norm", 32)
	for l := range 2 {
		at := fmt.Sprintf("model.layers.%d.", l)
		add(at+"input_layernorm", 32)
		add(at+"post_attention_layernorm", 32)
		add(at+"self_attn.q_proj", 32, 32)
		add(at+"self_attn.k_proj", 16, 32)
		add(at+"self_attn.v_proj", 16, 32)
		add(at+"self_attn.o_proj", 32, 32)
		add(at+"mlp.gate", 6, 32)
		var ups, downs []byte
		for e := range 6 {
			gate, up, down := draw(48, 32), draw(48, 32), draw(32, 48)
			if !stacked {
				p := fmt.Sprintf("%smlp.experts.%d.", at, e)
				put(p+"w1.weight", gate, 48, 32)
				put(p+"w3.weight", up, 48, 32)
				put(p+"w2.weight", down, 32, 48)
			}
			ups, downs = append(append(ups, gate...), up...), append(downs, down...)
		}
		if stacked {
			put(at+"mlp.experts.gate_up_proj", ups, 6, 96, 32)
			put(at+"mlp.experts.down_proj", downs, 6, 32, 48)
		}
	}
	return subject(ops.NewHeader("experts", w.infos, &tensor.Model{Config: []byte(experts)}), w, func() (ops.Tokenizer, error) {
		ids := make([]int32, 500)
		for i := range ids {
			ids[i] = int32(i * i % 61)
		}
		return cutTokens{nil, ids}, nil
	})
}

// TestExperts: each token goes to two experts, whose weights add up to one; what
// an expert multiplies first and second are the same tokens; stacked experts
// have the statistics of separate ones.
func TestExperts(t *testing.T) {
	data := &ops.Data{Name: "d", Texts: []string{"-"}, Length: 50}
	one, err := byExpert(t, calib.Job{Model: mixtureOf(false), Data: data, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	stack, err := byExpert(t, calib.Job{Model: mixtureOf(true), Data: data, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for layer := range 2 {
		tokens, mass := int64(0), 0.0
		for e := range 6 {
			in, mid := one[input{layer, "expert.in", e}], one[input{layer, "expert.mid", e}]
			if in.Rows != mid.Rows || in.Width() != 32 || mid.Width() != 48 || in.Seen != 500 {
				t.Errorf("layer %d, expert %d: %d and %d rows of %d tokens", layer, e, in.Rows, mid.Rows, in.Seen)
			}
			if s := stack[input{layer, "expert.mid", e}]; !slices.Equal(s.Squares, mid.Squares) || s.Rows != mid.Rows {
				t.Errorf("layer %d, expert %d: a stacked one differs", layer, e)
			}
			tokens, mass = tokens+in.Rows, mass+in.Mass
		}
		if tokens != 1000 || math.Abs(mass-500) > 1e-3 {
			t.Errorf("layer %d: %d tokens of weight %v at all experts, want 1000 and 500", layer, tokens, mass)
		}
		if r := one[input{layer, "moe.in", -1}]; r.Rows != 500 {
			t.Errorf("the router saw %d tokens", r.Rows)
		}
	}
	linears, err := calib.Linears(mixtureOf(true).Header)
	if err != nil {
		t.Fatal(err)
	}
	stacks := 0
	for _, l := range linears {
		if slices.Equal(l.Weights, []string{"model.layers.1.mlp.experts.gate_up_proj"}) {
			if l.Expert != stacks {
				t.Errorf("expert %d stands at %d", l.Expert, stacks)
			}
			stacks++
		}
	}
	if stacks != 6 {
		t.Errorf("a stack has %d inputs, want 6", stacks)
	}
}

type input struct {
	layer  int
	name   string
	expert int
}

func byExpert(t *testing.T, j calib.Job) (map[input]*ops.Stats, error) {
	t.Helper()
	linears, err := calib.Linears(j.Model.Header)
	if err != nil {
		t.Fatal(err)
	}
	out := map[input]*ops.Stats{}
	j.Linears = linears
	for range linears {
		j.Want = append(j.Want, ops.Channels)
	}
	j.Layer = func(layer int, got []calib.Gathered) error {
		for _, g := range got {
			out[input{layer, g.Stats.Input, g.Stats.Expert}] = g.Stats
		}
		return nil
	}
	_, err = calib.Run(t.Context(), j)
	return out, err
}
