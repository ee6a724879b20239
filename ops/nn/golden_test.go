package nn

import (
	"math"
	"strconv"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// Logits, log probabilities and entropies are those of transformers in float32.
func TestGolden(t *testing.T) {
	for name, g := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			m, err := Open(g.source(tensor.F32), g.Config, Options{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			st, err := m.Run(t.Context(), g.batch(), Hooks{})
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range g.Answers {
				for at, want := range a.Hidden {
					p, _ := strconv.Atoi(at)
					near(t, "hidden of "+at, st.Row(i, p), want, 1e-4)
				}
				for at, want := range a.Logits {
					p, _ := strconv.Atoi(at)
					z := make([]float32, m.Arch().Vocab)
					if err := st.Logits(z, i, p); err != nil {
						t.Fatal(err)
					}
					near(t, "logits of "+at, z, want, 1e-4*a.Std)
				}
			}
			if m.Arch().Encoder {
				return
			}
			scores, err := m.Score(t.Context(), g.batch(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range g.Answers {
				for j, want := range a.LogProb {
					if s := scores[i][j]; math.Abs(s.LogProb-want) > 1e-4 || math.Abs(s.Entropy-a.Entropy[j]) > 1e-4 {
						t.Fatalf("token %d of sequence %d: log probability %v, entropy %v; transformers has %v, %v", j+1, i, s.LogProb, s.Entropy, want, a.Entropy[j])
					}
				}
			}
		})
	}
}

func near(t *testing.T, what string, got []float32, want []float64, within float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= within) {
			t.Fatalf("%s: element %d is %v, want %v within %.2g", what, i, got[i], want[i], within)
		}
	}
}

// A head that is stored beside the embedding of a tied model is used, as
// transformers does where the two differ.
func TestTiedWithHead(t *testing.T) {
	g := goldens(t)["llama"]
	g.Config = with(t, g.Config, map[string]any{"tie_word_embeddings": true})
	if off := distance(t, open(t, g, tensor.F32, Options{}), g); off > 2e-5 {
		t.Errorf("off by %.2g standard deviations", off)
	}
}
