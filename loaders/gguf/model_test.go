package gguf_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/gguf/gguftest"
	"github.com/rouxml/roux/loaders/loadertest"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

func open(t *testing.T, md *gguf.Metadata, list ...gguftest.Tensor) (*tensor.Model, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, gguftest.File(md, list...), 0o644); err != nil {
		t.Fatal(err)
	}
	m, closer, err := gguf.Open(context.Background(), path)
	if err == nil {
		t.Cleanup(func() { _ = closer.Close() })
	}
	return m, err
}

// values decodes a tensor.
func values(t *testing.T, m *tensor.Model, name string) []float32 {
	t.Helper()
	x, ok := m.Weights.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %s among %v", name, m.Weights.Infos())
	}
	raw, out := make([]byte, x.Info().Bytes()), make([]float32, x.Info().Shape.Numel())
	if _, err := x.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if err := codec.DecodeRows(out, raw, x.Info()); err != nil {
		t.Fatal(err)
	}
	return out
}

func config(t *testing.T, m *tensor.Model) map[string]any {
	t.Helper()
	var c map[string]any
	if err := json.Unmarshal(m.Config, &c); err != nil {
		t.Fatalf("%v in %s", err, m.Config)
	}
	return c
}

// count is rows of consecutive numbers.
func count(rows, cols int) []float32 {
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(i)
	}
	return x
}

// head is what every model has.
func head(width int, more ...gguftest.Tensor) []gguftest.Tensor {
	return append([]gguftest.Tensor{gguftest.F32("token_embd.weight", count(8, width), 8, width)}, more...)
}

func TestLlama(t *testing.T) {
	md, list := gguftest.Llama(3)
	md.Set("tokenizer.ggml.model", "gpt2")
	md.Set("tokenizer.ggml.bos_token_id", uint64(1))
	m, err := open(t, md, list...)
	if err != nil {
		t.Fatal(err)
	}
	loadertest.Contract(t, m.Weights)
	want := map[string]any{"model_type": "llama", "architectures": []any{"LlamaForCausalLM"}, "torch_dtype": "float32", "bos_token_id": 1.0,
		"hidden_size": 64.0, "intermediate_size": 96.0, "num_hidden_layers": 2.0, "num_attention_heads": 4.0, "num_key_value_heads": 2.0,
		"head_dim": 16.0, "max_position_embeddings": 128.0, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0, "vocab_size": 40.0,
		"tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false}
	if d := cmp.Diff(want, config(t, m)); d != "" {
		t.Error(d)
	}
	if m.Family != "llama" || m.Roles.Layers() != 2 || len(m.Notes) > 0 || len(m.Files) != 1 || m.Files[0].Name != gguf.VocabularyName {
		t.Errorf("%s, %d layers, notes %v, files %v", m.Family, m.Roles.Layers(), m.Notes, m.Files)
	}
}

// llamaOrder is what llama.cpp's converter does to rows of q and k: of each head,
// those of the first half take turns with those of the second.
func llamaOrder(x []float32, heads, d, cols int) []float32 {
	var out []float32
	for h := range heads {
		for i := range d / 2 {
			for half := range 2 {
				row := h*d + half*d/2 + i
				out = append(out, x[row*cols:(row+1)*cols]...)
			}
		}
	}
	return out
}

// TestPairs: q, k and their biases are in Hugging Face's order again where
// neighbours are rotated, and untouched elsewhere.
func TestPairs(t *testing.T) {
	keys := map[string]any{"block_count": uint64(1), "context_length": uint64(16), "embedding_length": uint64(32), "feed_forward_length": uint64(8),
		"attention.head_count": []int64{4}, "attention.head_count_kv": uint64(2), "attention.layer_norm_rms_epsilon": 1e-6, "attention.layer_norm_epsilon": 1e-5}
	q, k, b := count(32, 32), count(16, 32), count(1, 32)
	for arch, turned := range map[string]bool{"llama": true, "granite": true, "smollm3": true, "qwen2": false, "stablelm": false, "gemma": false} {
		stored := [][]float32{q, k, b}
		if turned {
			stored = [][]float32{llamaOrder(q, 4, 8, 32), llamaOrder(k, 2, 8, 32), llamaOrder(b, 4, 8, 1)}
		}
		m, err := open(t, gguftest.Metadata(arch, keys), head(32, gguftest.F32("blk.0.attn_q.weight", stored[0], 32, 32),
			gguftest.F32("blk.0.attn_k.weight", stored[1], 16, 32), gguftest.F32("blk.0.attn_q.bias", stored[2], 32))...)
		if err != nil {
			t.Errorf("%s: %v", arch, err)
			continue
		}
		loadertest.Contract(t, m.Weights)
		for name, want := range map[string][]float32{"q_proj.weight": q, "k_proj.weight": k, "q_proj.bias": b} {
			if !slices.Equal(values(t, m, "model.layers.0.self_attn."+name), want) {
				t.Errorf("%s: %s is in another order", arch, name)
			}
		}
	}
}

// TestOtherOrders: gpt2's matrices are transposed, in blocks too; neox's q, k
// and v belong to their heads; experts are apart; gemma's norms lose their 1.
func TestOtherOrders(t *testing.T) {
	gpt2 := gguftest.Metadata("gpt2", map[string]any{"block_count": uint64(1), "context_length": uint64(16), "embedding_length": uint64(32),
		"feed_forward_length": uint64(64), "attention.head_count": uint64(4), "attention.layer_norm_epsilon": 1e-5})
	blocks := gguftest.Q8_0(rand.New(rand.NewPCG(1, 1)), "blk.0.ffn_down.weight", 4, 320)
	m, err := open(t, gpt2, head(32, gguftest.F32("blk.0.attn_qkv.weight", count(96, 32), 96, 32), blocks)...)
	if err != nil {
		t.Fatal(err)
	}
	loadertest.Contract(t, m.Weights)
	if x := values(t, m, "transformer.h.0.attn.c_attn.weight"); x[1] != 32 || x[96] != 1 || x[96*31+95] != 96*32-1 {
		t.Errorf("gpt2's c_attn begins with %v", x[:3])
	}
	plain := make([]float32, 4*320)
	codec.DecodeBlocks(plain, blocks.Data, tensor.Q8_0)
	if x := values(t, m, "transformer.h.0.mlp.c_proj.weight"); x[4*300+3] != plain[3*320+300] || x[1] != plain[320] {
		t.Error("gpt2's c_proj, of blocks, is not transposed")
	}

	neox := gguftest.Metadata("gptneox", map[string]any{"block_count": uint64(1), "context_length": uint64(16), "embedding_length": uint64(8),
		"feed_forward_length": uint64(32), "attention.head_count": uint64(2), "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": uint64(1)})
	var stored []float32 // row r of Hugging Face's is head r/12, part r/4%3
	for part := range 3 {
		for h := range 2 {
			for i := range 4 {
				stored = append(stored, float32(h*12+part*4+i))
			}
		}
	}
	m, err = open(t, neox, head(8, gguftest.F32("blk.0.attn_qkv.weight", stored, 24, 1), gguftest.F32("blk.0.attn_qkv.bias", stored, 24))...)
	if err != nil {
		t.Fatal(err)
	}
	loadertest.Contract(t, m.Weights)
	for _, end := range []string{"weight", "bias"} {
		if x := values(t, m, "gpt_neox.layers.0.attention.query_key_value."+end); !slices.Equal(x, count(24, 1)) {
			t.Errorf("neox's %s is %v", end, x)
		}
	}
	if c := config(t, m); c["rotary_pct"] != 0.25 || c["use_parallel_residual"] != true {
		t.Errorf("%v", c)
	}

	md, _ := gguftest.Llama(1)
	md.Set("llama.expert_count", uint64(3))
	md.Set("llama.expert_used_count", uint64(2))
	m, err = open(t, md, head(64, gguftest.F32("blk.0.ffn_up_exps.weight", count(6, 4), 3, 2, 4))...)
	if err != nil {
		t.Fatal(err)
	}
	if x := values(t, m, "model.layers.0.block_sparse_moe.experts.1.w3.weight"); x[0] != 8 || len(x) != 8 || m.Family != "mixtral" {
		t.Errorf("the second expert is %v", x)
	}
}

// TestRefusedRotation: what changes the numbers and cannot be said in
// config.json, or not be run, is refused by its key.
func TestRefusedRotation(t *testing.T) {
	scaled := func(key string, value any) *gguf.Metadata {
		md, _ := gguftest.Llama(1)
		md.Set("llama.rope.scaling.type", "yarn")
		md.Set("llama.rope.scaling.factor", 4.0)
		md.Set(key, value)
		return md
	}
	if _, err := open(t, scaled("llama.rope.scaling.yarn_log_multiplier", 0.5), head(64)...); err == nil || !strings.Contains(err.Error(), "llama.rope.scaling.yarn_log_multiplier is 0.5") {
		t.Error(err)
	}
	m, err := open(t, scaled("llama.rope.dimension_count", uint64(8)), head(64)...)
	if err != nil {
		t.Fatal(err)
	}
	if c := config(t, m); c["partial_rotary_factor"] == nil {
		t.Errorf("the half of a head that is turned is not in %v", c)
	}
	olmo := gguftest.Metadata("olmo2", map[string]any{"block_count": uint64(1), "context_length": uint64(16), "embedding_length": uint64(64), "feed_forward_length": uint64(8),
		"attention.head_count": uint64(4), "attention.layer_norm_rms_epsilon": 1e-5, "attention.sliding_window": uint64(8)})
	if m, err = open(t, olmo, head(64)...); err != nil {
		t.Fatal(err)
	}
	if c := config(t, m); c["sliding_window"] != 8.0 {
		t.Errorf("OLMo 3's window is not in %v", c)
	}
}

// gemmaKeys are those of a gemma of that many layers.
func gemmaKeys(layers uint64) map[string]any {
	return map[string]any{"block_count": layers, "context_length": uint64(16), "embedding_length": uint64(96), "feed_forward_length": uint64(8),
		"attention.head_count": uint64(4), "attention.head_count_kv": uint64(2), "attention.key_length": uint64(16),
		"attention.layer_norm_rms_epsilon": 1e-6, "attention.sliding_window": uint64(8)}
}

func TestGemma(t *testing.T) {
	for _, c := range []struct {
		arch   string
		layers uint64
		scalar float64
	}{{"gemma2", 26, 16}, {"gemma2", 46, 24}, {"gemma3", 46, 16}, {"gemma3", 62, 24}} {
		m, err := open(t, gguftest.Metadata(c.arch, gemmaKeys(c.layers)), head(96, gguftest.F32("blk.3.post_ffw_norm.weight", []float32{1.5, 0.75}, 2))...)
		if err != nil {
			t.Fatal(err)
		}
		if got := config(t, m); got["query_pre_attn_scalar"] != c.scalar || got["head_dim"] != 16.0 || got["hidden_activation"] != "gelu_pytorch_tanh" || got["tie_word_embeddings"] != true {
			t.Errorf("%s of %d layers: %v", c.arch, c.layers, got)
		}
		if x := values(t, m, "model.layers.3.post_feedforward_layernorm.weight"); x[0] != 0.5 || x[1] != -0.25 {
			t.Errorf("%s: the norm is %v", c.arch, x)
		}
	}
}

// divisors are what llama.cpp's converter computes for Llama 3.
func divisors(theta, factor float64, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		wave := 2 * math.Pi * math.Pow(theta, float64(2*i)/float64(2*n))
		switch smooth := (8192/wave - 1) / 3; {
		case wave < 8192.0/4:
			out[i] = 1
		case wave > 8192:
			out[i] = float32(factor)
		default:
			out[i] = float32(1 / ((1-smooth)/factor + smooth))
		}
	}
	return out
}

func TestRopeScaling(t *testing.T) {
	scaling := func(set func(*gguf.Metadata), more ...gguftest.Tensor) any {
		md, _ := gguftest.Llama(1)
		set(md)
		m, err := open(t, md, head(64, more...)...)
		if err != nil {
			return err.Error()
		}
		return config(t, m)["rope_scaling"]
	}
	got := scaling(func(md *gguf.Metadata) { md.Set("llama.rope.freq_base", 500000.0) }, gguftest.F32("rope_freqs.weight", divisors(500000, 32, 32), 32))
	want := map[string]any{"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192.0}
	if d := cmp.Diff(any(want), got); d != "" {
		t.Error(d)
	}
	got = scaling(func(*gguf.Metadata) {}, gguftest.F32("rope_freqs.weight", []float32{1, 3, 2}, 3))
	list := []any{1.0, 3.0, 2.0}
	want = map[string]any{"rope_type": "longrope", "long_factor": list, "short_factor": list, "attention_factor": 1.0}
	if d := cmp.Diff(any(want), got); d != "" {
		t.Error(d)
	}
	got = scaling(func(md *gguf.Metadata) {
		md.Set("llama.rope.scaling.type", "yarn")
		md.Set("llama.rope.scaling.factor", 4.0)
		md.Set("llama.rope.scaling.original_context_length", uint64(4096))
	})
	want = map[string]any{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096.0}
	if d := cmp.Diff(any(want), got); d != "" {
		t.Error(d)
	}
	if got := scaling(func(*gguf.Metadata) {}, gguftest.F32("rope_freqs.weight", []float32{1, 0}, 2)); !strings.Contains(got.(string), "divisors are positive") {
		t.Errorf("a divisor of zero gives %v", got)
	}
}

// TestRefused: files that hold no model that can be read say so.
func TestRefused(t *testing.T) {
	for want, change := range map[string]func(md *gguf.Metadata){
		"holds a \"adapter\"": func(md *gguf.Metadata) { md.Set("general.type", "adapter") },
		"the first of 3 pieces, which are found by their names: call it NAME-00001-of-00003.gguf": func(md *gguf.Metadata) { md.Set("split.count", uint64(3)) },
		"architecture \"mamba\"":          func(md *gguf.Metadata) { md.Set("general.architecture", "mamba") },
		"general.architecture is missing": func(md *gguf.Metadata) { md.Set("general.architecture", "") },
		"differs from layer to layer":     func(md *gguf.Metadata) { md.Set("llama.feed_forward_length", []int64{1, 2}) },
		"llama.block_count is two":        func(md *gguf.Metadata) { md.Set("llama.block_count", "two") },
		"are not those of 5 heads":        func(md *gguf.Metadata) { md.Set("llama.attention.head_count", uint64(5)) },
		"rope scaling \"ntk\" is not known": func(md *gguf.Metadata) {
			md.Set("llama.rope.scaling.type", "ntk")
			md.Set("llama.rope.scaling.factor", 2.0)
		},
	} {
		md, list := gguftest.Llama(1)
		change(md)
		if _, err := open(t, md, list...); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m.gguf") {
			t.Errorf("%v; want %q", err, want)
		}
	}
	md, list := gguftest.Llama(1)
	m, err := open(t, md, append(list, gguftest.F32("blk.0.odd.weight", count(1, 2), 2))...)
	if err != nil || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "blk.0.odd.weight") {
		t.Errorf("a tensor without a name: %v, %v", m, err)
	}
}
