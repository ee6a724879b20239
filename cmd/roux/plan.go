package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/loaders"
)

func newPlan() *cobra.Command {
	var f recipeFlags
	var mermaid, dot bool
	cmd := &cobra.Command{
		Use: "plan RECIPE", Short: "Show what a run would do, and why",
		Long:    "Show every step and output: tensors, bytes, memory, what the cache holds, what would be computed and which files come out. Only headers are read.",
		Example: "  roux plan recipes/quickstart.yaml\n  roux plan recipes/quickstart.yaml --mermaid",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			r, err := f.load(list[0])
			if err != nil {
				return err
			}
			show := newDisplay(cmd, f)
			defer show.close()
			p, err := f.plan(cmd.Context(), r, aside(show))
			if err != nil {
				return err
			}
			defer func() { _ = p.Close() }() // read-only
			show.close()
			switch {
			case mermaid:
				_, err = fmt.Fprint(cmd.OutOrStdout(), p.Graph().Mermaid())
				return err
			case dot:
				_, err = fmt.Fprint(cmd.OutOrStdout(), p.Graph().DOT())
				return err
			}
			s, err := p.Summary(cmd.Context())
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd, s)
			}
			return printPlan(cmd, s)
		},
	}
	f.addRun(cmd)
	cmd.Flags().BoolVar(&mermaid, "mermaid", false, "print the graph as Mermaid")
	cmd.Flags().BoolVar(&dot, "dot", false, "print the graph as Graphviz DOT")
	return cmd
}

func printPlan(cmd *cobra.Command, s engine.Summary) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "step\top\ttensors\tsize\tmemory\tcache")
	for _, st := range s.Steps {
		if st.Runs > 0 { // of models, whose tensors are counted where they are made
			_, _ = fmt.Fprintf(w, "%s\t%s\t-\t-\t-\t%s\n", st.Name, st.Op, st.Why)
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", st.Name, st.Op, st.Computes, humanize.Bytes(uint64(st.Bytes)), humanize.Bytes(uint64(st.Memory)), st.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, o := range s.Outputs {
		if err := printTree(cmd.OutOrStdout(), o); err != nil {
			return err
		}
	}
	return nil
}

// printTree prints an output's directory with its files.
func printTree(out io.Writer, o engine.OutputSummary) error {
	_, _ = fmt.Fprintf(out, "\noutput %s: %s, %d tensors, %s, %s\n%s\n", o.Name, o.Format, o.Tensors, humanize.Bytes(uint64(o.Bytes)), o.Why, o.Path)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	files := shorten(o.Files)
	for i, f := range files {
		branch, size := "├── ", ""
		if i == len(files)-1 {
			branch = "└── "
		}
		if f.Bytes > 0 {
			size = humanize.Bytes(uint64(f.Bytes))
		}
		_, _ = fmt.Fprintf(w, "%s%s\t%s\n", branch, f.Name, size)
	}
	return w.Flush()
}

// shorten leaves out the middle of many shards.
func shorten(files []loaders.FileSize) []loaders.FileSize {
	const shown = 3
	last := -1 // of the files with weights, which come first
	for i, f := range files {
		if f.Bytes > 0 {
			last = i
		}
	}
	if last < 2*shown {
		return files
	}
	middle := loaders.FileSize{Name: fmt.Sprintf("… %d more", last-shown)}
	for _, f := range files[shown:last] {
		middle.Bytes += f.Bytes
	}
	return slices.Concat(files[:shown], []loaders.FileSize{middle}, files[last:])
}

// aside shows warnings and downloads on standard error and nothing else: the
// plan goes to standard output.
func aside(d *display) func(engine.Event) {
	d.flags.json = false
	return func(e engine.Event) {
		switch e.(type) {
		case engine.Warning, engine.Fetching:
			d.event(e)
		}
	}
}
