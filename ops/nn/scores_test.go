package nn

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

// models is where the tiny trained models are.
const models = "../../testdata/models"

// openFile opens a safetensors file for a test: all of it in memory.
func openFile(t testing.TB, dir string) (*memory, []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	n := int(binary.LittleEndian.Uint64(text))
	var header map[string]struct {
		DType   string
		Shape   []int
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(text[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	m := &memory{data: map[string][]byte{}, mapped: true}
	for name, h := range header {
		if name == "__metadata__" {
			continue
		}
		d, err := tensor.ParseDType(h.DType)
		if err != nil {
			t.Fatal(err)
		}
		m.infos = append(m.infos, tensor.Info{Name: name, DType: d, Shape: h.Shape})
		m.data[name] = text[8+n+h.Offsets[0] : 8+n+h.Offsets[1]]
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	return m, config
}

// heldOut reads the first 24 windows of 255 tokens of a text, each behind the
// token that begins.
func heldOut(t testing.TB, domain string) (batch [][]int32) {
	t.Helper()
	b, err := os.ReadFile("testdata/held/" + domain + ".ids")
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		window := []int32{0}
		for range 255 {
			window = append(window, int32(binary.LittleEndian.Uint16(b)))
			b = b[2:]
		}
		batch = append(batch, window)
	}
	return batch
}

// The trained models have the perplexities that torch computes in float32, with
// the weights as they are loaded, and those of scores.json (see README.md of the
// models) with the frequencies that these were computed with: train.py had
// rounded the whole model to bfloat16 before, and its table of frequencies with
// it.
func TestPerplexityOfTrainedModels(t *testing.T) {
	domains := []string{"prose", "sums", "lists"}
	for name, want := range map[string]struct{ torch, recorded []float64 }{
		"base":  {[]float64{19.581911854, 4.644971829, 5.817871262}, []float64{19.5823, 4.6437, 5.8179}},
		"sums":  {[]float64{21.512553658, 3.757780493, 20.926613135}, []float64{21.5128, 3.7582, 20.9298}},
		"lists": {[]float64{22.024428813, 8950.172256953, 3.285949436}, []float64{22.0242, 8932.0235, 3.2861}},
	} {
		src, config := openFile(t, filepath.Join(models, name))
		for i, domain := range domains {
			if got := perplexity(t, src, config, domain); math.Abs(got/want.torch[i]-1) > 2e-6 {
				t.Errorf("%s on %s: perplexity %.8f, torch has %.8f", name, domain, got, want.torch[i])
			}
			if got := perplexity(t, src, roundedFrequencies(t, config), domain); math.Abs(got/want.recorded[i]-1) > 2e-5 {
				t.Errorf("%s on %s: perplexity %.4f with rounded frequencies, recorded %.4f", name, domain, got, want.recorded[i])
			}
		}
	}
}

func perplexity(t *testing.T, src tensor.Source, config []byte, domain string) float64 {
	m, err := Open(src, config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := m.Score(t.Context(), heldOut(t, domain), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, 0
	for _, window := range scores {
		for _, s := range window {
			sum, n = sum-s.LogProb, n+1
		}
	}
	return math.Exp(sum / float64(n))
}

// roundedFrequencies says with longrope's factors that every frequency is
// rounded to bfloat16.
func roundedFrequencies(t *testing.T, config []byte) []byte {
	var c map[string]any
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	var factors []float64
	for _, w := range plainFrequencies(64, 64, 1e4) {
		rounded := []float32{w}
		kernel.RoundBF16(rounded)
		factors = append(factors, float64(w)/float64(rounded[0]))
	}
	c["rope_parameters"] = map[string]any{"rope_type": "longrope", "rope_theta": 1e4, "attention_factor": 1, "short_factor": factors, "long_factor": factors}
	out, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
