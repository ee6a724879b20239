package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
)

// version is stamped by releases; a build from source says its revision.
const version = "0.1.0"

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "version", Short: "Print the version", Example: "  roux version\n  roux version --json", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		if asJSON {
			return printJSON(cmd, map[string]string{"version": version, "revision": revision(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace("roux "+version+" "+revision()))
		return err
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// revision is the commit that the binary was built from, where Go knows it.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

func newInit() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "init [FILE]", Short: "Write a recipe to begin with",
		Long:    "Write one of the recipes that come with roux into FILE (recipe.yaml), with placeholders such as path/to/base where models and data of your own go; roux check names those that are left. An existing file is never overwritten. Recipes: " + strings.Join(recipes.Shipped(), ", ") + ".",
		Example: "  roux init\n  roux init my.yaml --from slerp-gradient",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			path := "recipe.yaml"
			if len(list) == 1 {
				path = list[0]
			}
			text, ok := recipes.Starter(from)
			if !ok {
				return usageError{fmt.Errorf("no recipe %q comes with roux (%s)", from, schema.DidYouMean(from, recipes.Shipped()))}
			}
			if err := writeNew(path, text); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; next: put your own models in place of each path/to/..., then roux plan %s\n", path, path)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "quickstart", "which recipe to start from")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(recipes.Shipped(), cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}
