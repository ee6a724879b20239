package gguftest

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// The sizes of the tiny models.
const (
	TinyVocab = 24
	width     = 32
	heads     = 4
	kvHeads   = 2
	headDim   = 8
	ffn       = 48
	experts   = 4
)

// Tokens is a text for the tiny models.
var Tokens = []int32{1, 5, 23, 0, 7, 7, 12, 3, 19, 2, 11, 4}

// Tiny is a model of one architecture with random weights in float32.
type Tiny struct {
	Name    string
	arch    string
	layers  int
	keys    map[string]any
	outside string // tensors, each "name:shape", dimensions by letter
	layer   string
}

// Tinies lists one model of each architecture that is read and can go forward.
// What they give was computed by llama.cpp.
func Tinies() []Tiny {
	rms := map[string]any{"attention.layer_norm_rms_epsilon": float32(1e-5)}
	layer := map[string]any{"attention.layer_norm_epsilon": float32(1e-5)}
	const (
		out    = "token_embd.weight:vw output_norm.weight:w output.weight:vw"
		tied   = "token_embd.weight:vw output_norm.weight:w"
		attn   = " attn_q.weight:ww attn_k.weight:kw attn_v.weight:kw attn_output.weight:ww"
		glu    = " ffn_gate.weight:fw ffn_up.weight:fw ffn_down.weight:wf"
		norms  = " attn_norm.weight:w ffn_norm.weight:w"
		qk     = " attn_q_norm.weight:d attn_k_norm.weight:d"
		routed = " ffn_gate_inp.weight:ew ffn_gate_exps.weight:efw ffn_up_exps.weight:efw ffn_down_exps.weight:ewf"
		llama  = norms + attn + glu
		gemma  = llama + " post_attention_norm.weight:w post_ffw_norm.weight:w"
		biased = " attn_norm.weight:w attn_norm.bias:w ffn_norm.weight:w ffn_norm.bias:w attn_qkv.weight:tw attn_qkv.bias:t attn_output.weight:ww attn_output.bias:w" +
			" ffn_up.weight:fw ffn_up.bias:f ffn_down.weight:wf ffn_down.bias:w"
	)
	swa := map[string]any{"attention.sliding_window": uint64(4), "attention.key_length": uint64(headDim), "attention.value_length": uint64(headDim)}
	return []Tiny{
		{"llama", "llama", 2, with(rms, "rope.freq_base", 500000.0), tied + " rope_freqs.weight:r", llama},
		{"llama-linear", "llama", 2, with(rms, "rope.scaling.type", "linear", "rope.scaling.factor", 2.0), out, llama},
		{"llama-scale", "llama", 1, with(rms, "rope.scale_linear", 4.0), tied, llama},
		{"llama-yarn", "llama", 1, with(rms, "rope.scaling.type", "yarn", "rope.scaling.factor", 4.0, "rope.scaling.original_context_length", uint64(8), "rope.scaling.attn_factor", 0.75), tied, llama},
		{"mixtral", "llama", 2, with(rms, "expert_count", uint64(experts), "expert_used_count", uint64(2)), out, norms + attn + routed},
		{"qwen2", "qwen2", 2, rms, tied, llama + " attn_q.bias:w attn_k.bias:k attn_v.bias:k"},
		{"qwen3", "qwen3", 2, rms, out, llama + qk},
		{"qwen3moe", "qwen3moe", 2, with(rms, "expert_count", uint64(experts), "expert_used_count", uint64(2), "expert_feed_forward_length", uint64(ffn)), out, norms + attn + qk + routed},
		{"gemma", "gemma", 2, with(rms, "attention.key_length", uint64(headDim), "attention.value_length", uint64(headDim)), tied, llama},
		{"gemma2", "gemma2", 2, with(with(rms, "attn_logit_softcapping", 5.0, "final_logit_softcapping", 3.0), pairs(swa)...), tied, gemma},
		{"gemma3", "gemma3", 6, with(with(rms, "rope.freq_base", 1000000.0), pairs(swa)...), tied, gemma + qk},
		{"gemma3-pattern", "gemma3", 2, with(with(rms, "rope.freq_base", 100.0, "attention.sliding_window_pattern", uint64(2)), pairs(swa)...), tied, gemma + qk},
		{"phi3", "phi3", 2, with(rms, "rope.dimension_count", uint64(headDim)), out, norms + " attn_qkv.weight:mw attn_output.weight:ww ffn_up.weight:gw ffn_down.weight:wf"},
		{"smollm3", "smollm3", 4, with(rms, "rope.freq_base", 2000000.0), tied, llama},
		{"granite", "granite", 2, with(rms, "logit_scale", 4.0, "embedding_scale", 3.0, "residual_scale", 0.5, "attention.scale", 0.25), tied, llama},
		{"olmo2", "olmo2", 2, rms, out, attn + glu + " attn_q_norm.weight:w attn_k_norm.weight:k post_attention_norm.weight:w post_ffw_norm.weight:w"},
		{"stablelm", "stablelm", 2, with(layer, "rope.dimension_count", uint64(4), "use_parallel_residual", false), out + " output_norm.bias:w",
			llama + " attn_norm.bias:w ffn_norm.bias:w attn_q.bias:w attn_k.bias:k attn_v.bias:k"},
		{"gpt2", "gpt2", 2, layer, tied + " output_norm.bias:w position_embd.weight:cw", biased},
		{"gptneox", "gptneox", 2, with(layer, "rope.dimension_count", uint64(4), "use_parallel_residual", true), out + " output_norm.bias:w", biased},
		{"gptneox-linear", "gptneox", 1, with(layer, "rope.dimension_count", uint64(4), "use_parallel_residual", false, "rope.scaling.type", "linear", "rope.scaling.factor", 4.0), out + " output_norm.bias:w", biased},
	}
}

func with(m map[string]any, more ...any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func pairs(m map[string]any) (list []any) {
	for k, v := range m {
		list = append(list, k, v)
	}
	return list
}

// Bytes is the model's file.
func (t Tiny) Bytes() []byte {
	kv := uint64(kvHeads)
	if t.arch == "gpt2" || t.arch == "gptneox" {
		kv = heads
	}
	md := Metadata(t.arch, with(t.keys, "vocab_size", uint64(TinyVocab), "context_length", uint64(32), "embedding_length", uint64(width),
		"block_count", uint64(t.layers), "feed_forward_length", uint64(ffn), "attention.head_count", uint64(heads), "attention.head_count_kv", kv))
	md.Set("tokenizer.ggml.model", "no_vocab")
	list := t.tensors("", t.outside)
	for i := range t.layers {
		list = append(list, t.tensors("blk."+string(rune('0'+i))+".", t.layer)...)
	}
	return File(md, list...)
}

// dims are the letters of shapes.
var dims = map[rune]int{'v': TinyVocab, 'w': width, 'k': kvHeads * headDim, 'd': headDim, 'f': ffn, 'g': 2 * ffn, 'e': experts, 'r': headDim / 2, 'c': 32,
	't': 3 * width, 'm': width + 2*kvHeads*headDim}

func (t Tiny) tensors(prefix, text string) (list []Tensor) {
	for _, item := range strings.Fields(text) {
		name, letters, _ := strings.Cut(item, ":")
		var shape []int
		for _, c := range letters {
			shape = append(shape, dims[c])
		}
		list = append(list, t.random(prefix+name, shape))
	}
	return list
}

// random fills matrices with a spread of a quarter, norms around one.
func (t Tiny) random(name string, shape []int) Tensor {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name + name)) // never fails
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	n := 1
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64()) / 4
		switch {
		case strings.HasSuffix(name, "norm.weight"):
			values[i]++
		case name == "rope_freqs.weight":
			values[i] = []float32{1, 1, 3.5, 8}[i]
		}
	}
	return F32(name, values, shape...)
}
