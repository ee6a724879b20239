package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/linalg"
)

// described is one line of inspect.
type described struct {
	Name     string       `json:"name"`
	DType    string       `json:"dtype"`
	Shape    tensor.Shape `json:"shape"`
	Layer    int          `json:"layer"`
	Kind     tensor.Kind  `json:"kind"`
	Scheme   string       `json:"scheme,omitempty"` // of quantized tensors
	Sparsity *float64     `json:"sparsity,omitempty"`
	Rank90   int          `json:"rank90,omitempty"`
	Largest  float64      `json:"largest,omitempty"`
}

func newInspect() *cobra.Command {
	var adapter string
	var f recipeFlags
	var asJSON, values, spectrum, stats bool
	cmd := &cobra.Command{
		Use: "inspect MODEL", Short: "Show a model's tensors, or a recipe's calibration",
		Long: "Show a model's tensors: dtype, shape, layer and kind from headers alone; sparsity and singular values when asked. MODEL is a path, a Hub id, or PATH@REVISION+ADAPTER as in a recipe.\n" +
			"With --stats the argument is a recipe, whose calibrating steps' statistics are made, or taken from the cache, and shown; or an importance matrix of llama.cpp.",
		Example: "  roux inspect testdata/models/base\n  roux inspect testdata/models/base+testdata/models/sums-lora\n  roux inspect testdata/models/base --values --spectrum\n  roux inspect --stats recipes/prune-wanda.yaml\n  roux inspect --stats model.imatrix",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if stats {
				f.json = asJSON
				return inspectStats(cmd, f, list[0])
			}
			if ext := filepath.Ext(list[0]); ext == ".yaml" || ext == ".yml" {
				return usageError{fmt.Errorf("%s is a recipe: roux plan shows its steps, and roux inspect --stats what it calibrates with", list[0])}
			}
			m, closer, err := all.Open(cmd.Context(), modelRef(list[0], adapter), hubClient())
			if err != nil {
				return usageError{err} // as a recipe that names such a model
			}
			defer func() { _ = closer.Close() }() // read-only
			var rows []described
			for _, info := range m.Weights.Infos() {
				d, err := describe(cmd.Context(), m, info, values || spectrum, spectrum)
				if err != nil {
					return err
				}
				rows = append(rows, d)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			return printInspect(cmd, m, rows)
		},
	}
	cmd.Flags().StringVar(&adapter, "adapter", "", "LoRA adapter to apply first")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&values, "values", false, "read the weights and show the share of zeros")
	cmd.Flags().BoolVar(&stats, "stats", false, "show the statistics that a recipe calibrates with: what goes into each linear layer")
	f.addMeans(cmd)
	cmd.Flags().BoolVar(&spectrum, "spectrum", false, "decompose the matrices: largest singular value, rank that holds 90 % of the energy")
	return cmd
}

// modelRef reads path@revision+adapter@revision, as recipes write it, unless a
// file has that name.
func modelRef(s, adapter string) all.Ref {
	if _, err := os.Stat(s); err == nil {
		return all.Ref{Path: s, Adapter: adapter}
	}
	if adapter == "" {
		s, adapter, _ = strings.Cut(s, "+")
	}
	var ref all.Ref
	ref.Path, ref.Revision = revisionOf(s)
	ref.Adapter, ref.AdapterRevision = revisionOf(adapter)
	return ref
}

func revisionOf(s string) (path, revision string) {
	if _, err := os.Stat(s); err == nil {
		return s, ""
	}
	path, revision, _ = strings.Cut(s, "@")
	return path, revision
}

func describe(ctx context.Context, m *tensor.Model, info tensor.Info, values, spectrum bool) (described, error) {
	role := m.Roles.Role(info.Name, info.Shape)
	d := described{Name: info.Name, DType: info.DType.String(), Shape: info.Shape, Layer: role.Layer, Kind: role.Kind}
	if info.Quant != nil {
		d.Scheme = info.Quant.String()
	}
	if !values || !info.DType.IsFloat() {
		return d, nil
	}
	t, _ := m.Weights.Tensor(info.Name)
	raw := make([]byte, info.Bytes())
	if n, err := t.ReadAt(raw, 0); n < len(raw) {
		return d, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	vals := make([]float32, info.Shape.Numel())
	if err := codec.DecodeRows(vals, raw, info); err != nil {
		return d, err
	}
	zeros := 0
	for _, v := range vals {
		if v == 0 {
			zeros++
		}
	}
	share := float64(zeros) / math.Max(1, float64(len(vals)))
	d.Sparsity = &share
	if !spectrum || len(info.Shape) != 2 {
		return d, nil
	}
	s, err := linalg.SingularValues(ctx, vals, info.Shape[0], info.Shape[1])
	if err != nil {
		return d, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	if len(s) > 0 {
		d.Largest = s[0]
	}
	for d.Rank90 < len(s) && linalg.Energy(s, d.Rank90) < 0.9 {
		d.Rank90++
	}
	return d, nil
}

func printInspect(cmd *cobra.Command, m *tensor.Model, rows []described) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	var bytes int64
	for _, info := range m.Weights.Infos() {
		bytes += info.Bytes()
	}
	for _, note := range m.Notes {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "note: "+note)
	}
	_, _ = fmt.Fprintf(w, "family %s, %d layers, %d tensors, %s\n", cmp.Or(m.Family, "unknown"), m.Roles.Layers(), len(rows), humanize.Bytes(uint64(bytes)))
	columns := []column{
		{"tensor", func(r described) string { return r.Name }},
		{"dtype", func(r described) string { return strings.TrimSpace(r.DType + " " + r.Scheme) }},
		{"shape", func(r described) string { return fmt.Sprint(r.Shape) }},
		{"layer", layerText},
		{"kind", func(r described) string { return string(r.Kind) }},
		{"zeros", zerosText},
		{"spectrum", spectrumText},
	}
	columns = slices.DeleteFunc(columns, func(c column) bool {
		return !slices.ContainsFunc(rows, func(r described) bool { return c.text(r) != "" })
	})
	line := func(text func(column) string) {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cmp.Or(text(c), "-")
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	line(func(c column) string { return c.title })
	for _, r := range rows {
		line(func(c column) string { return c.text(r) })
	}
	return w.Flush()
}

// column is one of inspect's: it is left out when it has no text for any tensor.
type column struct {
	title string
	text  func(described) string
}

func layerText(r described) string {
	if r.Layer < 0 {
		return ""
	}
	return strconv.Itoa(r.Layer)
}

func zerosText(r described) string {
	if r.Sparsity == nil {
		return ""
	}
	return fmt.Sprintf("%.2f%%", 100**r.Sparsity)
}

func spectrumText(r described) string {
	if r.Rank90 == 0 {
		return ""
	}
	return fmt.Sprintf("largest %.3g, 90%% of energy in %d", r.Largest, r.Rank90)
}
