package shards

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSingleFirst: of a directory that has both, transformers reads the single
// file.
func TestSingleFirst(t *testing.T) {
	form := Form{Single: "model.x", Index: "model.x.index.json", Ext: ".x"}
	dir := t.TempDir()
	for name, text := range map[string]string{form.Single: "", form.Index: `{"weight_map":{"a":"model-1.x"}}`, "model-1.x": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var opened []string
	_, _ = Open(dir, form, func(path string) (File, error) {
		opened = append(opened, filepath.Base(path))
		return nil, os.ErrInvalid
	})
	if len(opened) != 1 || opened[0] != form.Single {
		t.Errorf("opened %v", opened)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"model-00001-of-00002.safetensors"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, _, err := parseIndex(text, ".safetensors")
		for _, s := range names {
			if err == nil && !plainName(s, ".safetensors") {
				t.Errorf("shard name %q got through", s)
			}
		}
	})
}
