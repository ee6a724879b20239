package all

import (
	"testing"

	"github.com/rouxml/roux/loaders/gguf/gguftest"
	"github.com/rouxml/roux/loaders/loadertest"
	"github.com/rouxml/roux/loaders/torch/torchtest"
)

// TestConformance runs the suite over every format: a new one inherits it.
func TestConformance(t *testing.T) {
	r, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	loadertest.Run(t, r, torchtest.Format, gguftest.Writer)
}
