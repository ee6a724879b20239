package modeldir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/shards"
)

// TestForeignQuantization: whatever stands in quantization_config, its codes
// are not taken for weights.
func TestForeignQuantization(t *testing.T) {
	for config, want := range map[string]bool{
		`{"quantization_config": {"quant_method": "gptq", "bits": 4}}`:                     true,
		`{"quantization_config": {"quant_method": "gptq", "format": 4}}`:                   true,
		`{"quantization_config": {"quant_method": "x", "config_groups": [{"weights":1}]}}`: true,
		`{"quantization_config": "int4"}`:                                                  true,
		`{"quantization_config": null}`:                                                    false,
		`{"note": "no quantization_config"}`:                                               false,
	} {
		if got := quantizationOf([]byte(config)) != nil; got != want {
			t.Errorf("%s: quantized %t", config, got)
		}
	}
	q := quantizationOf([]byte(`{"quantization_config": {"quant_method": "compressed-tensors", "format": 4}}`))
	if _, err := q.scheme(); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("got %v", err)
	}
}

// TestAddQuantization: any config stays JSON, and keeps no other scheme.
func TestAddQuantization(t *testing.T) {
	for _, config := range []string{`{}`, "{\n  \"a\": 1\n}\n", `{"quantization_config": {"quant_method": "old"}, "a": 1}`} {
		text, err := addQuantization([]byte(config), map[string]any{"quant_method": "new"})
		var got struct {
			Quantization map[string]string `json:"quantization_config"`
		}
		if err != nil || json.Unmarshal(text, &got) != nil || got.Quantization["quant_method"] != "new" || strings.Contains(string(text), "old") {
			t.Errorf("%s became %s (%v)", config, text, err)
		}
	}
}

// TestIndexLinkedOut: the index is held to its directory like all other files.
func TestIndexLinkedOut(t *testing.T) {
	dir, away := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(away, "index"), []byte(`{"weight_map":{"a":"model-1.safetensors"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(away, "index"), filepath.Join(dir, safetensors.Form.Index)); err != nil {
		t.Fatal(err)
	}
	_, err := shards.Open(dir, safetensors.Form, nil)
	if err == nil || !strings.Contains(err.Error(), "outside of the model directory") {
		t.Errorf("got %v", err)
	}
}
