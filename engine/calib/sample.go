package calib

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
)

// usualLength is the length of a sample when the data gives none.
const usualLength = 2048

// samples cuts the texts, joined by empty lines, into windows of one length, as
// papers on pruning and quantization do, and takes as many as are asked for.
func samples(t ops.Tokenizer, d *ops.Data, positions int) ([][]int32, error) {
	length := d.Length
	if length == 0 {
		length = min(usualLength, positions)
	}
	if length > positions {
		return nil, d.Errorf("a sample of %d tokens is longer than the model's %d positions: say length: %d or less", length, positions, positions)
	}
	if len(d.Texts) == 0 {
		return nil, d.Errorf("it holds no texts: write {text: PATH}, with field: COLUMN for a table")
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
