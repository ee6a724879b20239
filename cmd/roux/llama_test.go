package main

import (
	"fmt"

	"github.com/rouxml/roux/tensor"
)

// llama is the shape of a model; kv is the rows of its keys.
type llama struct{ hidden, layers, ffn, heads, kv, vocab int }

var (
	llama1B  = llama{2048, 22, 5632, 32, 256, 32000} // TinyLlama
	llama7B  = llama{4096, 32, 11008, 32, 4096, 32000}
	llama70B = llama{8192, 80, 28672, 64, 1024, 128256}
)

func (l llama) config() []byte {
	return fmt.Appendf(nil, `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":%d,"intermediate_size":%d,"num_attention_heads":%d,`+
		`"num_key_value_heads":%d,"num_hidden_layers":%d,"vocab_size":%d,"tie_word_embeddings":false,"torch_dtype":"bfloat16"}`,
		l.hidden, l.ffn, l.heads, l.kv*l.heads/l.hidden, l.layers, l.vocab)
}

// infos is its tensors, all in bfloat16.
func (l llama) infos() []tensor.Info {
	var infos []tensor.Info
	add := func(name string, shape ...int) {
		infos = append(infos, tensor.Info{Name: name + ".weight", DType: tensor.BF16, Shape: shape})
	}
	add("model.embed_tokens", l.vocab, l.hidden)
	for i := range l.layers {
		in := func(name string, shape ...int) { add(fmt.Sprintf("model.layers.%d.%s", i, name), shape...) }
		in("input_layernorm", l.hidden)
		in("post_attention_layernorm", l.hidden)
		in("self_attn.q_proj", l.hidden, l.hidden)
		in("self_attn.k_proj", l.kv, l.hidden)
		in("self_attn.v_proj", l.kv, l.hidden)
		in("self_attn.o_proj", l.hidden, l.hidden)
		in("mlp.gate_proj", l.ffn, l.hidden)
		in("mlp.up_proj", l.ffn, l.hidden)
		in("mlp.down_proj", l.hidden, l.ffn)
	}
	add("model.norm", l.hidden)
	add("lm_head", l.vocab, l.hidden)
	return infos
}
