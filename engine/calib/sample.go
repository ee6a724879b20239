package calib

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
)

// usualLength is the length of a sample when the data gives none.
const usualLength = 2048

// Check refuses data that is known to be unfit for a model before anything runs.
// The tokens of texts that may be too short are counted.
func Check(h ops.Header, d *ops.Data) error {
	a, err := nn.Parse(h.Config)
	if err != nil {
		return fmt.Errorf("model %s: %w", h.Name, err)
	}
	length, err := lengthOf(d, a.Positions)
	if err != nil || !d.Scant(2*length*max(1, d.Samples)) {
		return err
	}
	t, err := h.Tokenizer()
	if err != nil {
		return fmt.Errorf("model %s: %w", h.Name, err)
	}
	_, err = samples(t, d, a.Positions)
	return err
}

// lengthOf is the length of a sample.
func lengthOf(d *ops.Data, positions int) (int, error) {
	length := d.Length
	if length == 0 {
		length = min(usualLength, positions)
	}
	if length > positions {
		return 0, d.Errorf("a sample of %d tokens is longer than the model's %d positions: say length: %d or less", length, positions, positions)
	}
	if len(d.Texts) == 0 {
		return 0, d.NoTexts()
	}
	return length, nil
}

// samples cuts the texts, joined by empty lines, into windows of one length, as
// papers on pruning and quantization do, and takes as many as are asked for.
func samples(t ops.Tokenizer, d *ops.Data, positions int) ([][]int32, error) {
	length, err := lengthOf(d, positions)
	if err != nil {
		return nil, err
	}
	ids, _, err := t.Encode(strings.Join(d.Texts, "\n\n"), ops.Encoding{Add: true, Parse: d.Special})
	if err != nil {
		return nil, d.Errorf("%w", err)
	}
	n := len(ids) / length
	if want := max(1, d.Samples); n < want {
		return nil, d.Errorf("the text has %d tokens, which makes %d samples of %d, and %d are asked for: give a longer text, or fewer samples, or a smaller length", len(ids), n, length, want)
	}
	chosen, err := d.Choose(n, fmt.Sprintf("samples of %d tokens", length))
	if err != nil {
		return nil, err
	}
	if chosen == nil {
		for i := range n {
			chosen = append(chosen, i)
		}
	}
	out := make([][]int32, len(chosen))
	for i, at := range chosen {
		out[i] = ids[at*length : (at+1)*length]
	}
	return out, nil
}
