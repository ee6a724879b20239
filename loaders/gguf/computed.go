package gguf

import (
	"fmt"
	"math"
)

// computers make values of config.json that no key of the metadata holds; nil
// leaves the key out.
var computers = map[string]func(*model) (any, error){
	"kv_heads": func(m *model) (any, error) {
		n, err := m.header.number("attention.head_count_kv", "attention.head_count")
		return n, err
	},
	"head_dim":        func(m *model) (any, error) { n, err := m.headDim(); return n, err },
	"vocab":           func(m *model) (any, error) { return m.rows("token_embd.weight") },
	"token_types":     func(m *model) (any, error) { return m.rows("token_types.weight") },
	"tied":            func(m *model) (any, error) { return !m.has("output.weight"), nil },
	"all_biases":      func(m *model) (any, error) { return m.has("blk.0.attn_q.bias") && m.has("blk.0.attn_output.bias"), nil },
	"qkv_bias":        func(m *model) (any, error) { return m.has("blk.0.attn_q.bias"), nil },
	"mlp_bias":        func(m *model) (any, error) { return m.has("blk.0.ffn_up.bias"), nil },
	"qk_norm":         func(m *model) (any, error) { return m.has("blk.0.attn_q_norm.weight"), nil },
	"partial":         partialRotary,
	"part":            part,
	"query_scalar":    queryScalar,
	"attention_scale": attentionScale,
	"rope_scaling":    ropeScaling,
}

func (m *model) has(ggml string) bool {
	_, ok := m.files.stored(ggml)
	return ok
}

// rows is the first dimension of a tensor that must be there.
func (m *model) rows(ggml string) (any, error) {
	t, ok := m.files.stored(ggml)
	if !ok || len(t.Header.Shape) != 2 {
		return nil, fmt.Errorf("tensor %s is missing or no matrix: the file is no whole model", ggml)
	}
	return t.Header.Shape[0], nil
}

// headDim is attention.key_length, or an even share of the width.
func (m *model) headDim() (int64, error) {
	h := m.header
	if n, err := h.number("attention.key_length"); err == nil {
		return n, nil
	}
	heads, err := h.number("attention.head_count")
	if err != nil {
		return 0, err
	}
	width, err := h.number("embedding_length")
	if err == nil && (heads < 1 || width%heads != 0) {
		err = fmt.Errorf("%d heads do not share a width of %d", heads, width)
	}
	if err != nil {
		return 0, err
	}
	return width / heads, nil
}

// part is the share of each head that is turned, where it is not all: a family
// that turns whole heads refuses it when it is run.
func part(m *model) (any, error) {
	share, err := partialRotary(m)
	if err != nil || share == 1.0 {
		return nil, err
	}
	return share, nil
}

// partialRotary is the share of a head that is rotated.
func partialRotary(m *model) (any, error) {
	d, err := m.headDim()
	if err != nil {
		return nil, err
	}
	n, err := m.header.number("rope.dimension_count")
	if err != nil {
		return 1.0, nil
	}
	if d < 1 || n < 0 || n > d {
		return nil, fmt.Errorf("%d of a head's %d dimensions are rotated", n, d)
	}
	return float64(n) / float64(d), nil
}

// queryScalar is what gemma scales attention by, which no key holds: the size
// of a head, but for the models of 27 billion, which llama.cpp tells by their
// layers.
func queryScalar(m *model) (any, error) {
	layers, err := m.header.number("block_count")
	if err != nil {
		return nil, err
	}
	large := map[string]int64{"gemma2": 46, "gemma3": 62}[m.family.Arch]
	if layers != large {
		n, err := m.headDim()
		return n, err
	}
	heads, err := m.header.number("attention.head_count")
	if err != nil || heads < 1 {
		return nil, fmt.Errorf("%d heads: %w", heads, errOr(err))
	}
	width, err := m.header.number("embedding_length")
	return width / heads, err
}

// attentionScale is granite's; without a key, llama.cpp takes the usual one.
func attentionScale(m *model) (any, error) {
	if v := m.value("attention.scale"); v != nil {
		return v, nil
	}
	d, err := m.headDim()
	return 1 / math.Sqrt(float64(d)), err
}
