package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/ops"
	opsall "github.com/rouxml/roux/ops/all"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
)

func newOps() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ops [NAME]", Short: "List the ops or a family of them, or explain one",
		Example: "  roux ops\n  roux ops prune\n  roux ops merge.ties\n  roux ops merge.ties --json",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			reg, err := opsall.Registry()
			if err != nil {
				return err
			}
			if names := family(reg, list); names != nil {
				return printOps(cmd, reg, names, asJSON)
			}
			op, ok := reg.Op(list[0])
			if !ok {
				return usageError{fmt.Errorf("unknown op %q (%s)", list[0], cmp.Or(schema.MeantOp(list[0], reg.Names()), "roux ops lists them"))}
			}
			if asJSON {
				return printJSON(cmd, jsonOp(op))
			}
			where := ""
			if op.Where != "" {
				where = "\nwhere, when the step gives none: " + op.Where + "\n"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s (version %d)\n%s\n\n%s\n\nkeys:\n%s%s\nexample:\n%s\nsource: %s\n",
				op.Name, op.Version, op.Summary, op.Doc, schema.Help(op.New()), where, op.Example, op.Source)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.ValidArgsFunction = func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		reg, err := opsall.Registry()
		if err != nil || len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return reg.Names(), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// family lists the ops that the arguments stand for when they name no single
// op: all without a name, and those of a family, such as prune.
func family(reg *ops.Registry, list []string) []string {
	if len(list) == 0 || list[0] == "" {
		return reg.Names()
	}
	var names []string
	for _, name := range reg.Names() {
		if strings.HasPrefix(name, strings.TrimSuffix(list[0], ".")+".") {
			names = append(names, name)
		}
	}
	return names
}

func printOps(cmd *cobra.Command, reg *ops.Registry, names []string, asJSON bool) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	var list []map[string]any
	for _, name := range names {
		op, _ := reg.Op(name)
		list = append(list, jsonOp(op))
		_, _ = fmt.Fprintf(w, "%s\t%s\n", name, op.Summary)
	}
	if asJSON {
		return printJSON(cmd, list)
	}
	return w.Flush()
}

// jsonOp explains an op to machines; its params are a JSON Schema.
func jsonOp(op *ops.Op) map[string]any {
	return map[string]any{"name": op.Name, "version": op.Version, "summary": op.Summary, "doc": op.Doc, "source": op.Source,
		"example": op.Example, "where": op.Where, "params": schema.JSONSchema(op.New())}
}

func newSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of recipes, for editors",
		Example: "  roux schema > roux.schema.json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := recipeSchema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().Bool("json", false, "print JSON, as it always does")
	return cmd
}

// recipeSchema is the JSON Schema of the whole language with every op.
func recipeSchema() ([]byte, error) {
	reg, err := opsall.Registry()
	if err != nil {
		return nil, err
	}
	var steps []any
	for _, name := range reg.Names() {
		op, _ := reg.Op(name)
		s := schema.JSONSchema(op.New())
		props := s["properties"].(map[string]any)
		for key, v := range reservedSchema() {
			props[key] = v
		}
		props["op"] = map[string]any{"const": name}
		s["description"] = op.Summary
		required, _ := s["required"].([]any)
		s["required"] = append([]any{"op"}, required...)
		steps = append(steps, s)
	}
	text, err := json.MarshalIndent(documentSchema(steps), "", " ")
	return append(text, '\n'), err
}

func reservedSchema() map[string]any {
	str := map[string]any{"type": "string"}
	return map[string]any{"where": str, "when": str, "note": str, "cache": map[string]any{"enum": []any{"auto", "always", "never"}},
		"matrix": map[string]any{"type": "object"}, "seed": map[string]any{"type": "integer", "minimum": 0}, "allow_empty": map[string]any{"type": "boolean"},
		"keys": map[string]any{"enum": []string{"same", "intersection", "union"}}}
}

func documentSchema(steps []any) map[string]any {
	str := map[string]any{"type": "string"}
	named := func(of any) map[string]any { return map[string]any{"type": "object", "additionalProperties": of} }
	model := map[string]any{"type": []any{"string", "object"}}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "roux recipe", "type": "object",
		"required": []any{"roux", "models"}, "additionalProperties": false,
		"properties": map[string]any{"roux": map[string]any{"const": 1}, "name": str, "description": str,
			"seed": map[string]any{"type": "integer", "minimum": 0}, "params": map[string]any{"type": "object"},
			"models": named(model), "data": named(schema.JSONSchema(&recipes.DataParams{})), "steps": named(map[string]any{"oneOf": steps}),
			"gates": map[string]any{"type": "array", "items": str}, "outputs": named(schema.JSONSchema(&recipes.OutputParams{}))},
	}
}
