package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
)

func newPlan() *cobra.Command {
	var f recipeFlags
	var mermaid, dot bool
	cmd := &cobra.Command{
		Use: "plan RECIPE", Short: "Show what a run would do, and why",
		Long:    "Show every step and output: tensors, bytes, memory, what the cache holds and what would be computed. Only headers are read.",
		Example: "  roux plan recipes/quickstart.yaml\n  roux plan recipes/quickstart.yaml --mermaid",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			r, err := f.load(list[0])
			if err != nil {
				return err
			}
			p, err := f.plan(cmd.Context(), r, warnings(cmd))
			if err != nil {
				return err
			}
			defer func() { _ = p.Close() }() // read-only
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
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", st.Name, st.Op, st.Computes, humanize.Bytes(uint64(st.Bytes)), humanize.Bytes(uint64(st.Memory)), st.Why)
	}
	_, _ = fmt.Fprintln(w, "\noutput\tformat\ttensors\tsize\t\tpath")
	for _, o := range s.Outputs {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t\t%s (%s)\n", o.Name, o.Format, o.Tensors, humanize.Bytes(uint64(o.Bytes)), o.Path, o.Why)
	}
	return w.Flush()
}

// warnings prints warnings to standard error and nothing else: the plan goes to
// standard output.
func warnings(cmd *cobra.Command) func(engine.Event) {
	return func(e engine.Event) {
		if w, ok := e.(engine.Warning); ok {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w.Text)
		}
	}
}
