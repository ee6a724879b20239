package nn

import (
	"runtime"
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
