package modeldir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

// quantization is what a config says about quantized weights.
type quantization struct {
	Method string                       `json:"quant_method"`
	Format string                       `json:"format"`
	Groups map[string]quantizationGroup `json:"config_groups"`
	// bad says what could not be read of it: other methods have other keys, and
	// their codes are no weights either.
	bad error
}

type quantizationGroup struct {
	Weights struct {
		Bits      int    `json:"num_bits"`
		Type      string `json:"type"`
		Symmetric bool   `json:"symmetric"`
		Strategy  string `json:"strategy"`
		GroupSize *int   `json:"group_size"`
		ActOrder  any    `json:"actorder"`
	} `json:"weights"`
}

// quantizationOf reads a config's quantization_config; nil when there is none.
func quantizationOf(config []byte) *quantization {
	if !bytes.Contains(config, []byte("quantization_config")) {
		return nil // most configs need no decoding
	}
	var c struct {
		Quantization json.RawMessage `json:"quantization_config"`
	}
	if json.Unmarshal(config, &c) != nil || c.Quantization == nil || string(c.Quantization) == "null" {
		return nil // who needs the config says what is wrong with it
	}
	q := new(quantization)
	q.bad = json.Unmarshal(c.Quantization, q)
	return q
}

// isCompressed says whether the path is a directory of compressed-tensors.
func isCompressed(path string) bool {
	if !safetensors.Form.In(path) {
		return false
	}
	text, err := readConfig(path)
	q := quantizationOf(text)
	return err == nil && q != nil && q.Method == "compressed-tensors"
}

// scheme is the one way in which the weights are quantized.
func (q quantization) scheme() (tensor.Quant, error) {
	if q.bad != nil {
		return tensor.Quant{}, fmt.Errorf("quantization_config: %w", q.bad)
	}
	if len(q.Groups) != 1 {
		return tensor.Quant{}, fmt.Errorf("quantization_config has %d groups: models of one scheme can be read", len(q.Groups))
	}
	var g quantizationGroup
	for _, g = range q.Groups {
	}
	w := g.Weights
	s := tensor.Quant{Bits: w.Bits, Symmetric: w.Symmetric, Activations: q.Format == "int-quantized"}
	switch {
	case q.Format != "pack-quantized" && q.Format != "int-quantized", w.Type != "int", w.Bits != 4 && w.Bits != 8, s.Activations && w.Bits != 8:
		return s, fmt.Errorf("quantization_config: format %q with %d-bit %s cannot be read yet: int4 and int8 can", q.Format, w.Bits, w.Type)
	case w.ActOrder != nil && w.ActOrder != false:
		return s, fmt.Errorf("quantization_config: actorder %v cannot be read yet", w.ActOrder)
	case w.Strategy == "group" && w.GroupSize != nil && *w.GroupSize > 0:
		s.GroupSize = *w.GroupSize
	case w.Strategy != "channel":
		return s, fmt.Errorf("quantization_config: strategy %q cannot be read yet: channel and group can", w.Strategy)
	}
	return s, nil
}

// OpenCompressed opens a directory of compressed-tensors. Its config loses the
// quantization, which a writer of codes puts in again.
func OpenCompressed(_ context.Context, dir string) (*tensor.Model, io.Closer, error) {
	files, err := safetensors.OpenDir(dir)
	if err != nil {
		return nil, nil, err
	}
	m, err := describeCompressed(dir, files)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", dir, err), files.Close())
	}
	return m, files, nil
}

func describeCompressed(dir string, files tensor.Source) (*tensor.Model, error) {
	config, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	q := quantizationOf(config)
	if q == nil {
		return nil, errors.New("config.json has no quantization_config")
	}
	scheme, err := q.scheme()
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Unpack(files, scheme)
	if err != nil {
		return nil, err
	}
	return describe(dir, weights, jsontext.Drop(config, "quantization_config"))
}
