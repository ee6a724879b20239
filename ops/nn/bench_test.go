package nn

import (
	"fmt"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// smol is the shape of SmolLM2-135M.
const smol = `{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,"num_hidden_layers":30,"num_attention_heads":9,
"num_key_value_heads":3,"max_position_embeddings":8192,"rms_norm_eps":1e-5,"rope_theta":100000,"tie_word_embeddings":true}`

// smolSource makes random bfloat16 weights of that shape.
func smolSource() *memory {
	m := &memory{data: map[string][]byte{}, mapped: true}
	add := func(name string, shape ...int) {
		n, scale := 1, float32(0.06)
		for _, d := range shape {
			n *= d
		}
		x := draws(name, n)
		for i := range x {
			x[i] *= scale
			if len(shape) == 1 {
				x[i]++
			}
		}
		m.add(name+".weight", shape, tensor.BF16, x)
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

// windows makes n random windows.
func windows(n, length, vocab int) (batch [][]int32) {
	for i := range n {
		w := make([]int32, length)
		for j, v := range draws(fmt.Sprint("window", i), 2*length)[:length] {
			w[j] = int32(int(16*(v+1))*1531+97*i+j) % int32(vocab)
		}
		batch = append(batch, w)
	}
	return batch
}

// BenchmarkScore is one perplexity over 8 windows.
func BenchmarkScore(b *testing.B) {
	m := openSmol(b)
	for _, length := range []int{512, 2048} {
		batch := windows(8, length, 49152)
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for b.Loop() {
				score(b, m, batch)
			}
			b.ReportMetric(float64(b.N*8*length)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}

// BenchmarkDecode is one token behind 64.
func BenchmarkDecode(b *testing.B) {
	m := openSmol(b)
	c := m.NewCache()
	if _, err := c.Next(b.Context(), windows(1, 64, 49152)[0]); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Next(b.Context(), []int32{7}); err != nil {
			b.Fatal(err)
		}
		c.truncate(64)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
}

func openSmol(b *testing.B) *Model {
	m, err := Open(smolSource(), []byte(smol), Options{Resident: true})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func score(b *testing.B, m *Model, batch [][]int32) {
	if _, err := m.Score(b.Context(), batch, nil); err != nil {
		b.Fatal(err)
	}
}
