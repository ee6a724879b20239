package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/loaders/gguf/imatrix"
	"github.com/rouxml/roux/ops"
)

// inspectImatrix shows an importance matrix.
func inspectImatrix(cmd *cobra.Command, path string, asJSON bool) error {
	m, err := imatrix.Open(path)
	if err != nil {
		return usageError{err}
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(m)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "importance matrix: %d weights, %d chunks of %d tokens of %s\n", len(m.Entries), m.Chunks, m.ChunkSize, strings.Join(m.Datasets, ", "))
	_, _ = fmt.Fprintln(w, "weight\texpert\ttokens\tchannels\tdead\tmean x^2\tmax x^2")
	for _, e := range m.Entries {
		for expert, tokens := range e.Counts {
			_, _ = fmt.Fprintln(w, imatrixLine(e, expert, tokens))
		}
	}
	return w.Flush()
}

func imatrixLine(e imatrix.Entry, expert int, tokens int64) string {
	name := "-"
	if len(e.Counts) > 1 {
		name = fmt.Sprint(expert)
	}
	means := e.Means(expert)
	dead, sum, most := 0, 0.0, float32(0)
	for _, v := range means {
		if v == 0 {
			dead++
		}
		sum += float64(v)
		most = max(most, v)
	}
	return fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%.4g\t%.4g", e.Name, name, tokens, len(means), dead, sum/float64(max(1, len(means))), most)
}

// writeImatrix writes the statistics of a recipe's one calibration.
func writeImatrix(path string, all []engine.Statistics) error {
	if len(all) != 1 {
		return usageError{fmt.Errorf("--imatrix: the recipe calibrates %d times, and a file holds one: leave one calibrating step, or say sequential: false so that they share it", len(all))}
	}
	m, err := imatrixOf(all[0])
	if err != nil {
		return err
	}
	text, err := m.GGUF()
	if strings.EqualFold(filepath.Ext(path), ".dat") {
		text, err = m.Binary()
	}
	if err != nil {
		return err
	}
	return replaceFile(path, text)
}

// replaceFile writes a file that is there whole or not at all.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".roux-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// imatrixOf names sums of squares as ggml names the weights.
func imatrixOf(s engine.Statistics) (*imatrix.Matrix, error) {
	m := &imatrix.Matrix{Datasets: []string{s.Data}}
	at := map[string]int{}
	for _, in := range s.Inputs {
		m.Chunks, m.ChunkSize = in.Samples, int(in.Seen)/max(1, in.Samples)
		for _, weight := range ggmlWeights(in) {
			name := fmt.Sprintf("blk.%d.%s.weight", in.Layer, weight)
			i, ok := at[name]
			if !ok {
				i = len(m.Entries)
				at[name] = i
				m.Entries = append(m.Entries, imatrix.Entry{Name: name})
			}
			e := &m.Entries[i]
			for _, v := range in.Squares {
				e.Sums = append(e.Sums, float32(v))
			}
			e.Counts = append(e.Counts, in.Rows)
		}
	}
	return m, m.Sort()
}

// ggmlWeights are the weights that GGUF files hold for an input. Experts are
// stacked there, and a fused gate and up stands under the name of up.
func ggmlWeights(s *ops.Stats) []string {
	switch s.Input {
	case "attn.in":
		if len(s.Weights) == 1 {
			return []string{"attn_qkv"}
		}
		return []string{"attn_q", "attn_k", "attn_v"}
	case "attn.out":
		return []string{"attn_output"}
	case "ffn.in":
		if len(s.Weights) == 1 {
			return []string{"ffn_up"}
		}
		return []string{"ffn_gate", "ffn_up"}
	case "ffn.mid":
		return []string{"ffn_down"}
	case "moe.in":
		return []string{"ffn_gate_inp"}
	case "expert.in":
		return []string{"ffn_gate_exps", "ffn_up_exps"}
	}
	return []string{"ffn_down_exps"}
}
