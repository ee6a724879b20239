package nn

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rouxml/roux/tensor"
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

// The trained models have the perplexities that torch computes in float32 on two
// windows, with the weights as they are loaded.
func TestPerplexityOfTrainedModels(t *testing.T) {
	for name, want := range map[string][]float64{
		"base":  {21.516255910893268, 4.839463102655915, 6.109634425373919},
		"sums":  {22.682371393549793, 3.755559596682098, 28.744423150693596},
		"lists": {23.23929901835803, 8926.72631583834, 3.234993283306695},
	} {
		src, config := openFile(t, filepath.Join(models, name))
		for i, domain := range domains {
			if got := perplexity(t, src, config, heldOut(t, domain)[:2]); math.Abs(got/want[i]-1) > 2e-6 {
				t.Errorf("%s on %s: perplexity %.8f, torch has %.8f", name, domain, got, want[i])
			}
		}
	}
}

var domains = []string{"prose", "sums", "lists"}

func perplexity(t *testing.T, src tensor.Source, config []byte, batch [][]int32) float64 {
	m, err := Open(src, config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := m.Score(t.Context(), batch, nil)
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
