package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/hub"
	opsall "github.com/rouxml/roux/ops/all"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

func newImport() *cobra.Command {
	var out, compat string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Turn a mergekit file into a recipe",
		Long: "Write a recipe that runs to the same bytes as a mergekit file, with its comments. Models on this machine that are stored in the file's dtype are not cast to it. " +
			"A mergekit file runs as it is: import it to go on where its language ends. An existing file is never overwritten.",
		Example: "  roux import merge.yml\n  roux import merge.yml --out recipe.yaml",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			dir := "."
			if out != "" {
				dir = filepath.Dir(out)
			}
			text, notes, err := imported(list[0], recipes.Options{Compat: compat, Stored: storedAs(cmd.Context())}, dir)
			if err != nil {
				return err
			}
			for _, note := range notes {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+note)
			}
			if out == "" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if err := writeNew(out, text); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; next: roux plan %s\n", out, out)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write; default: standard output")
	cmd.Flags().StringVar(&compat, "compat", "", "mergekit: keep those of its defects that change numbers (docs/mergekit.md)")
	return cmd
}

func imported(file string, o recipes.Options, dir string) ([]byte, []string, error) {
	if err := knownCompat(o.Compat); err != nil {
		return nil, nil, err
	}
	reg, err := opsall.Registry()
	if err != nil {
		return nil, nil, err
	}
	text, err := recipes.ReadFile(file)
	if err != nil {
		return nil, nil, recipeError{err}
	}
	recipe, notes, err := recipes.Import(file, text, reg, o, dir)
	if err != nil {
		return nil, nil, recipeError{err}
	}
	return recipe, notes, nil
}

// storedAs looks into the headers of models that lie on this machine; what an
// adapter is added to keeps its dtype.
func storedAs(ctx context.Context) func(m recipes.Model, dtype string) bool {
	return func(m recipes.Model, dtype string) bool {
		want, err := tensor.ParseDType(dtype)
		if _, missing := os.Stat(m.Path); err != nil || missing != nil {
			return false
		}
		model, closer, err := all.Open(ctx, all.Ref{Path: m.Path}, hub.Client{})
		if err != nil {
			return false // who runs the recipe is told
		}
		defer func() { _ = closer.Close() }()
		return !slices.ContainsFunc(model.Weights.Infos(), func(info tensor.Info) bool { return info.Quant != nil || info.DType.IsFloat() && info.DType != want })
	}
}

// knownCompat refuses a tool that no defects are known of.
func knownCompat(compat string) error {
	if compat != "" && compat != "mergekit" {
		return usageError{fmt.Errorf("--compat %s: only mergekit is known", compat)}
	}
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: name another file", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
