package nn

import (
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
