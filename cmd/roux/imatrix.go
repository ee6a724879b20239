package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/loaders/gguf/imatrix"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
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

// imatrixFile makes an importance matrix of statistics: of the older form if the
// name ends in .dat.
func imatrixFile(path string, s engine.Statistics) ([]byte, error) {
	m, err := imatrixOf(s)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(path), ".dat") {
		return m.Binary()
	}
	return m.GGUF()
}

// readImatrix reads importance matrices in place of texts, and adds them up.
func readImatrix(d recipes.Data) (*ops.Data, string, error) {
	all, digest := &imatrix.Matrix{}, sha256.New()
	for _, path := range d.Imatrix {
		m, err := imatrix.Open(path)
		if err != nil {
			return nil, "", err
		}
		text, err := m.GGUF()
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", path, err)
		}
		_, _ = digest.Write(text)
		if err := all.Add(m); err != nil {
			return nil, "", fmt.Errorf("%s: %w", path, err)
		}
	}
	out := &ops.Data{Name: d.Name, Pos: d.Pos, Importance: &ops.Importance{Entries: map[string]ops.SquareSums{}, Chunks: all.Chunks}}
	for _, e := range all.Entries {
		out.Importance.Tokens = max(out.Importance.Tokens, slices.Max(e.Counts))
		out.Importance.Entries[e.Name] = ops.SquareSums{Sums: e.Sums, Counts: e.Counts}
	}
	return out, fmt.Sprintf("sha256:%x", digest.Sum(nil)), nil
}

// imatrixOf names sums of squares as ggml names the weights.
func imatrixOf(s engine.Statistics) (*imatrix.Matrix, error) {
	m := &imatrix.Matrix{Datasets: []string{s.Data}}
	at := map[string]int{}
	for _, in := range s.Inputs {
		m.Chunks, m.ChunkSize = in.Samples, int(in.Seen)/max(1, in.Samples)
		for _, name := range calib.Names(in.Layer, in.Input, len(in.Weights), in.Tied) {
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
