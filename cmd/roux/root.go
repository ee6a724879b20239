package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/schema"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitRecipe      = 2 // the recipe or the command line is wrong
	exitGate        = 3 // a gate in the recipe said no
	exitInterrupted = 130
)

// usageError is a mistake on the command line.
type usageError struct{ error }

// recipeError is a recipe that cannot be loaded.
type recipeError struct{ error }

// Unwrap returns the problems.
func (e recipeError) Unwrap() error { return e.error }

// Main runs a command line and returns its exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		_, _ = fmt.Fprintln(stderr, "roux: interrupted; nothing half-written is left")
		return exitInterrupted
	}
	_, _ = fmt.Fprintln(stderr, "roux: "+err.Error())
	return exitCode(err)
}

func exitCode(err error) int {
	var recipe recipeError
	var usage usageError
	var gate *engine.GateError
	var plan *engine.PlanError
	switch {
	case errors.As(err, &gate):
		return exitGate
	case errors.As(err, &recipe), errors.As(err, &usage), errors.As(err, &plan):
		return exitRecipe
	}
	return exitFailed
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use: "roux", Short: "Run declarative recipes over model weights",
		Long: "roux runs recipes over model weights: load, decompose, prune, merge, quantize, evaluate.\n" +
			"A recipe is one YAML file; a mergekit file is a recipe too.",
		Example:       "  roux run recipes/quickstart.yaml\n  roux plan recipes/quickstart.yaml\n  roux ops merge.ties",
		SilenceErrors: true, SilenceUsage: true, Version: strings.TrimSpace(version + " " + revision()),
	}
	root.SetVersionTemplate("roux {{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.Name() == "run" && strings.HasPrefix(err.Error(), "unknown ") {
			return usageError{fmt.Errorf("%w (see roux run --help; roux plan shows a run without running it; docs/mergekit.md lists mergekit's options)", err)}
		}
		return usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
	})
	root.AddCommand(newRun(), newPlan(), newCheck(), newInspect(), newOps(), newSchema(), newCache(), newInit(), newImport(), newChat(), newLogits(), newVersion())
	root.InitDefaultCompletionCmd("completion")
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Example = "  source <(roux completion bash)\n  roux completion zsh > \"${fpath[1]}/_roux\""
		}
	}
	return group(root)
}

// elsewhere says where to find what other tools have commands for.
var elsewhere = map[string]string{
	"explain": "roux ops NAME explains an op", "verify": "roux cache verify", "list": "roux cache list, or roux ops",
	"diff": "a recipe compares weights: roux ops evaluate.compare", "compare": "a recipe compares weights: roux ops evaluate.compare",
	"eval": "a recipe evaluates: roux ops evaluate", "evaluate": "a recipe evaluates: roux ops evaluate",
	"perplexity": "a recipe measures it: roux ops evaluate.perplexity", "imatrix": "a recipe writes one: docs/calibration.md",
	"merge": "a recipe merges: roux ops merge, or roux run FILE.yml for a mergekit file", "quantize": "a recipe quantizes: roux ops quantize",
	"prune": "a recipe prunes: roux ops prune", "generate": "roux chat MODEL --prompt TEXT",
}

// group makes a command of commands: alone it shows its help, and an unknown
// command is a usage error.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Args = func(cmd *cobra.Command, list []string) error {
		if len(list) == 0 {
			return nil
		}
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		cure := cmp.Or(elsewhere[list[0]], schema.DidYouMean(list[0], names), cmd.CommandPath()+" --help lists them")
		return usageError{fmt.Errorf("%s has no command %q (%s)", cmd.CommandPath(), list[0], cure)}
	}
	return cmd
}

// printJSON prints one document.
func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// args makes cobra's complaints about arguments usage errors.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return usageError{fmt.Errorf("%w (see roux %s --help)", err, cmd.Name())}
		}
		return nil
	}
}
