// Package adapter holds the ops that make or change LoRA adapters.
package adapter

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/lora"
)

// Set is the family's ops.
var Set ops.Set

// layoutOf reads a port that must be an adapter.
func layoutOf(h ops.Header) (*lora.Layout, error) {
	if h.Adapter == nil {
		return nil, fmt.Errorf("%s is a whole model and no LoRA adapter: name an adapter's directory, or a step of adapter.extract", h.Name)
	}
	l, err := lora.Read(h.Adapter, h.Infos)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return l, nil
}

// misfits makes one error of many: the first five and a count.
func misfits(bad []string, what string) error {
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d modules do not fit:\n  %s", what, len(bad), strings.Join(bad[:min(len(bad), 5)], "\n  "))
}
