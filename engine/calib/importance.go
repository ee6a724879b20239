package calib

import (
	"fmt"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// Names lists what importance matrices call the weights of an input of so many
// weights. Experts are stacked there, and a fused gate and up has the name of up.
// Of a head that is tied to the embedding there is nothing: llama.cpp knows it by
// the embedding's name, which its llama-imatrix leaves out even when it is to
// process the output.
func Names(layer int, input string, weights int, tied bool) []string {
	if input == Head {
		if tied {
			return nil
		}
		return []string{"output.weight"}
	}
	names := ggml[input]
	if fused, ok := ggmlFused[input]; ok && weights == 1 {
		names = fused
	}
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("blk.%d.%s.weight", layer, name)
	}
	return out
}

var ggml = map[string][]string{
	"attn.in": {"attn_q", "attn_k", "attn_v"}, "attn.out": {"attn_output"},
	"ffn.in": {"ffn_gate", "ffn_up"}, "ffn.mid": {"ffn_down"},
	"moe.in": {"ffn_gate_inp"}, "expert.in": {"ffn_gate_exps", "ffn_up_exps"}, "expert.mid": {"ffn_down_exps"},
}

var ggmlFused = map[string][]string{"attn.in": {"attn_qkv"}, "ffn.in": {"ffn_up"}}

// FromImportance makes the statistics of an input of those that the data holds. All
// but the squares are zero.
func FromImportance(l Linear, d *ops.Data) (*ops.Stats, error) {
	names := Names(l.Layer, l.Name, len(l.Weights), l.Tied)
	if names == nil {
		return nil, d.Errorf("an importance matrix tells nothing of a head that is tied to the embedding, %s: calibrate on a text, or leave it out with where", l.Weights[0])
	}
	for _, name := range names {
		e, ok := d.Importance.Entries[name]
		if !ok {
			continue
		}
		at := max(l.Expert, 0) * l.Width
		if len(e.Sums) < at+l.Width || len(e.Sums)%l.Width != 0 || l.Expert < 0 && len(e.Sums) != l.Width {
			return nil, d.Errorf("the importance matrix has %d sums for %s, and %s takes %d inputs: was it made of this model?", len(e.Sums), name, l.Weights[0], l.Width)
		}
		s := &ops.Stats{Layer: l.Layer, Input: l.Name, Expert: l.Expert, Weights: l.Weights, Samples: d.Importance.Chunks, Seen: d.Importance.Tokens, Transposed: l.Transposed, Tied: l.Tied,
			Rows: e.Counts[min(max(l.Expert, 0), len(e.Counts)-1)], SquaresOnly: true, Columns: kernel.NewColumns(l.Width)}
		clear(s.Min) // of nothing they are infinite
		clear(s.Max)
		for j, v := range e.Sums[at : at+l.Width] {
			s.Squares[j] = float64(v)
		}
		return s, nil
	}
	if l.Name == Head {
		return nil, d.Errorf("the importance matrix has no %s: make it with llama-imatrix --process-output or with roux, or leave %s out with where", names[0], l.Weights[0])
	}
	return nil, d.Errorf("the importance matrix has no %s, which the weights of %s need: was it made of this model?", names[0], l.Weights[0])
}
