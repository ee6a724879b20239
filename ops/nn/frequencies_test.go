package nn

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestFrequencies: what each pair turns by is within one unit in the last place
// of what transformers 5.24 computes in float32 (ROPE_INIT_FUNCTIONS, heads of
// 32, 256 positions, a text of 300). At position 160 more would show in logits.
func TestFrequencies(t *testing.T) {
	text, err := os.ReadFile("testdata/frequencies.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]struct {
		Parameters  map[string]any `json:"rope_parameters"`
		Frequencies []float32
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	llama := goldens(t)["llama"].Config
	for name, want := range all {
		a, err := Parse(with(t, llama, map[string]any{"rope_parameters": want.Parameters, "head_dim": 32, "max_position_embeddings": 256}))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := a.layers[0].rope.frequencies(300)
		if len(got) != len(want.Frequencies) {
			t.Fatalf("%s: %d frequencies, want %d", name, len(got), len(want.Frequencies))
		}
		for i, w := range want.Frequencies {
			if d := int64(math.Float32bits(got[i])) - int64(math.Float32bits(w)); d < -1 || d > 1 {
				t.Errorf("%s: frequency %d is %v, want %v: %d units apart", name, i, got[i], w, d)
			}
		}
	}
}
