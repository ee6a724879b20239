package all

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rouxml/roux/loaders/gguf/gguftest"
	"github.com/rouxml/roux/loaders/loadertest"
)

// TestConformance runs the suite over every format: a new one inherits it.
func TestConformance(t *testing.T) {
	r, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	loadertest.Run(t, r, loadertest.Sample{Name: "gguf llama", Write: func(dir string) error {
		md, tensors := gguftest.Llama(1)
		return os.WriteFile(filepath.Join(dir, "model.gguf"), gguftest.File(md, tensors...), 0o644)
	}})
}
