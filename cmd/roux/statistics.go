package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
)

// inspectStats shows the statistics that a recipe calibrates with, or those of
// an importance matrix.
func inspectStats(cmd *cobra.Command, f recipeFlags, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usageError{fmt.Errorf("%s is a folder: --stats takes a recipe that calibrates, or an importance matrix", path)}
	}
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".yaml" && ext != ".yml" {
		return inspectImatrix(cmd, path, f.json)
	}
	r, err := f.load(path)
	if err != nil {
		return err
	}
	plan, err := f.plan(cmd.Context(), r, func(e engine.Event) {
		if w, ok := e.(engine.Warning); ok {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w.Text)
		}
	})
	if err != nil {
		return err
	}
	all, err := plan.Statistics(cmd.Context())
	if err := errors.Join(err, plan.Close()); err != nil {
		return err
	}
	if len(all) == 0 {
		return usageError{fmt.Errorf("no step of %s calibrates: give one an op with calibrate: NAME, such as prune.wanda", path)}
	}
	if f.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
	}
	for _, s := range all {
		if err := printStats(cmd.OutOrStdout(), s); err != nil {
			return err
		}
	}
	return nil
}

// printStats prints one line for each input of a linear layer.
func printStats(out io.Writer, s engine.Statistics) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := fmt.Sprintf("model %s over %s", s.Model, s.Data)
	if s.Step != "" {
		head += ", each layer behind what step " + s.Step + " made of those before"
	}
	if len(s.Inputs) > 0 {
		head += fmt.Sprintf(": %d samples, %d tokens", s.Inputs[0].Samples, s.Inputs[0].Seen)
	}
	_, _ = fmt.Fprintln(w, head)
	if len(s.Inputs) > 0 {
		_, _ = fmt.Fprintln(w, "layer\tinput\ttokens\tchannels\tdead\tmean |x|\trms\tmax |x|\tmax/rms")
	}
	for _, in := range s.Inputs {
		_, _ = fmt.Fprintln(w, statsLine(in))
	}
	if s.Blocks != nil {
		printBlocks(w, s.Blocks)
	}
	return w.Flush()
}

// printBlocks prints what dropping layers would change: the influence of each,
// and by how much it and those behind it turn the last token.
func printBlocks(w io.Writer, b *ops.Blocks) {
	layers := len(b.Next)
	var runs []int
	head := "layer\tinfluence"
	for n := 1; n < layers && len(runs) < 5; n *= 2 {
		runs = append(runs, n)
		head += fmt.Sprintf("\tangle of %d", n)
	}
	_, _ = fmt.Fprintln(w, head)
	for l := range layers {
		line := fmt.Sprintf("%d\t%.4f", l, b.Influence(l))
		for _, n := range runs {
			if l+n <= layers {
				line += fmt.Sprintf("\t%.4f", b.Distance(l, n))
			}
		}
		_, _ = fmt.Fprintln(w, line)
	}
}

func statsLine(s *ops.Stats) string {
	name := s.Input
	if s.Expert >= 0 {
		name = fmt.Sprintf("%s %d", name, s.Expert)
	}
	var abs, squares float64
	most := float32(0)
	for j := range s.Sum {
		abs, squares, most = abs+s.Abs[j], squares+s.Squares[j], max(most, s.AbsMax(j))
	}
	n := math.Max(1, float64(s.Rows)*float64(s.Width()))
	rms := math.Sqrt(squares / n)
	tokens := fmt.Sprint(s.Rows)
	if s.Expert >= 0 {
		tokens = fmt.Sprintf("%d (%.1f%%)", s.Rows, 100*float64(s.Rows)/float64(max(1, s.Seen)))
	}
	absolute, largest, peak := fmt.Sprintf("%.4g", abs/n), fmt.Sprintf("%.4g", most), fmt.Sprintf("%.1f", float64(most)/math.Max(rms, 1e-30))
	if s.SquaresOnly {
		absolute, largest, peak = "-", "-", "-"
	}
	layer := fmt.Sprint(s.Layer)
	if s.Input == nn.HeadIn {
		layer = "-" // it is behind all layers
	}
	return strings.Join([]string{layer, name, tokens, fmt.Sprint(s.Width()), fmt.Sprint(s.Dead()),
		absolute, fmt.Sprintf("%.4g", rms), largest, peak}, "\t")
}
