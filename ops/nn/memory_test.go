package nn

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// What a run allocates is what Memory says, give or take a third.
func TestMemory(t *testing.T) {
	g := goldens(t)["llama"]
	src := g.source(tensor.BF16)
	src.mapped = false
	m, err := Open(src, g.Config, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	var batch [][]int32
	for range 300 {
		batch = append(batch, g.Answers[0].Tokens)
	}
	for i := range batch {
		batch[i] = append([]int32{int32(i % 96)}, batch[i]...) // no common beginnings
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := m.Run(t.Context(), batch, Hooks{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	took, said := int64(after.TotalAlloc-before.TotalAlloc), m.Memory(300*41, 41)
	if took > said*4/3 || took < said*2/3 {
		t.Errorf("a run allocated %d bytes, and Memory says %d", took, said)
	}
}

// TestMemoryOfWeights: what is kept, or read at once, of weights that lie in no
// file is counted.
func TestMemoryOfWeights(t *testing.T) {
	g := goldens(t)["llama"]
	src := g.source(tensor.BF16)
	src.mapped = false
	layers, head := int64(0), int64(0)
	for _, info := range src.Infos() {
		switch {
		case strings.Contains(info.Name, "layers."):
			layers += info.Bytes()
		case strings.Contains(info.Name, "lm_head"):
			head += info.Bytes()
		}
	}
	mapped, err := Open(g.source(tensor.BF16), g.Config, Options{Workers: 1, Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	lazy, err := Open(src, g.Config, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Open(src, g.Config, Options{Workers: 1, Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	buffers := mapped.Memory(1, 1)
	if got := lazy.Memory(1, 1) - buffers; got < head {
		t.Errorf("%d bytes are said, and the head has %d", got, head)
	}
	if got := kept.Memory(1, 1) - buffers; got < layers+head || layers == 0 {
		t.Errorf("%d bytes are said, and all layers and the head have %d", got, layers+head)
	}
}

// TestLayersTakeNoMemory: a run of eight times the layers allocates as much, but
// for less than one more layer: weights that do not lie in memory are read into
// the place of those before. Hidden states go to a file when they are told to.
func TestLayersTakeNoMemory(t *testing.T) {
	const block = 2 * (4*128*128 + 3*128*512)
	batch := [][]int32{make([]int32, 200)}
	run := func(layers int, o Options) int64 {
		config := fmt.Sprintf(`{"model_type":"llama","vocab_size":96,"hidden_size":128,"intermediate_size":512,"num_hidden_layers":%d,"num_attention_heads":4,"max_position_embeddings":256,"tie_word_embeddings":true}`, layers)
		src := smallLlama(layers, 128, 512)
		var before, after runtime.MemStats
		m, err := Open(src, []byte(config), o)
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&before)
		st, err := m.Run(t.Context(), batch, Hooks{})
		runtime.ReadMemStats(&after)
		if err := errors.Join(err, st.Close()); err != nil {
			t.Fatal(err)
		}
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	run(2, Options{Workers: 1}) // buffers that products keep
	few, many := run(2, Options{Workers: 1}), run(16, Options{Workers: 1})
	if many-few >= block {
		t.Errorf("16 layers allocate %d bytes, and 2 allocate %d", many, few)
	}
	spilled := run(2, Options{Workers: 1, Spill: t.TempDir()})
	if states := int64(4 * 200 * 128); few-spilled < states*9/10 {
		t.Errorf("with hidden states of %d bytes in a file %d bytes are allocated, and %d without", states, spilled, few)
	}
}

// smallLlama is random weights that lie in no memory.
func smallLlama(layers, hidden, ffn int) *memory {
	m := &memory{data: map[string][]byte{}}
	add := func(name string, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		m.add(name+".weight", shape, tensor.BF16, draws(name, n))
	}
	add("model.embed_tokens", 96, hidden)
	add("model.norm", hidden)
	for i := range layers {
		p := fmt.Sprintf("model.layers.%d.", i)
		for _, name := range []string{"input_layernorm", "post_attention_layernorm"} {
			add(p+name, hidden)
		}
		for _, name := range []string{"q_proj", "k_proj", "v_proj", "o_proj"} {
			add(p+"self_attn."+name, hidden, hidden)
		}
		add(p+"mlp.gate_proj", ffn, hidden)
		add(p+"mlp.up_proj", ffn, hidden)
		add(p+"mlp.down_proj", hidden, ffn)
	}
	return m
}
