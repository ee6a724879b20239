package nn

import (
	"bytes"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// A cache of several tiles has the logits of the whole text: where tokens come
// alone and together, where a tile ends, behind a resumed beginning, and where a
// window leaves tiles out.
func TestCacheTiles(t *testing.T) {
	for _, name := range []string{"llama", "mistral"} {
		g := goldens(t)[name]
		g.Config = bytes.ReplaceAll(g.Config, []byte(`"max_position_embeddings":64`), []byte(`"max_position_embeddings":400`))
		m := open(t, g, tensor.BF16, Options{Resident: true})
		text := make([]int32, 2*keyTile+5)
		for i := range text {
			text[i] = int32((i*i + 7*i) % 96)
		}
		c := m.NewCache()
		for _, to := range []int{keyTile - 1, keyTile, keyTile + 1, 2*keyTile + 3, 2*keyTile + 4, keyTile + 2, 2*keyTile + 5} {
			z, err := c.Next(t.Context(), c.Resume(text[:to]))
			if err != nil {
				t.Fatal(err)
			}
			st, err := m.Run(t.Context(), [][]int32{text[:to]}, Hooks{})
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, len(z))
			if err := st.Logits(want, 0, to-1); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bits(z), bits(want)) {
				t.Errorf("%s: after %d tokens the cache gives other logits", name, to)
			}
		}
		if tiles := int64(len(c.tiles)); 4*tiles*int64(m.arch.tileFloats()) != m.CacheBytes(len(text)) {
			t.Error("the cache takes", tiles, "tiles, and says it would take", m.CacheBytes(len(text)), "bytes")
		}
	}
}
