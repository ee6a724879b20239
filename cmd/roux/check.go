package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
)

// checked is what check --json prints.
type checked struct {
	File     string    `json:"file"`
	Models   int       `json:"models"`
	Steps    int       `json:"steps"`
	Outputs  int       `json:"outputs"`
	Warnings []string  `json:"warnings"`
	Problems []problem `json:"problems"`
}

// problem is a schema.Problem for machines, such as editors.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
}

func newCheck() *cobra.Command {
	var f recipeFlags
	cmd := &cobra.Command{
		Use: "check RECIPE", Short: "Report every problem of a recipe",
		Long:    "Check a recipe and report all of its problems with their places. Models are not opened.",
		Example: "  roux check recipes/quickstart.yaml\n  roux check recipes/quickstart.yaml --json",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			r, err := f.load(list[0])
			if f.json {
				return errors.Join(printJSON(cmd, report(list[0], r, err)), err)
			}
			if err != nil {
				return err
			}
			for _, p := range r.Open {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+p.Error())
			}
			for _, note := range r.Notes {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+note)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s, %s, no problems\n", list[0],
				count(len(r.Models), "model"), count(len(r.Steps), "step"), count(len(r.Outputs), "output"))
			return err
		},
	}
	f.add(cmd)
	return cmd
}

func report(path string, r *recipes.Recipe, err error) checked {
	c := checked{File: path, Warnings: []string{}, Problems: []problem{}}
	if r != nil {
		c.Models, c.Steps, c.Outputs = len(r.Models), len(r.Steps), len(r.Outputs)
		for _, p := range r.Open {
			c.Warnings = append(c.Warnings, p.Error())
		}
		c.Warnings = append(c.Warnings, r.Notes...)
	}
	var found schema.Problems
	switch {
	case errors.As(err, &found):
		for _, p := range found {
			c.Problems = append(c.Problems, problem{p.Pos.File, p.Pos.Line, p.Pos.Column, p.Path, p.Msg, p.Cure})
		}
	case err != nil:
		c.Problems = append(c.Problems, problem{File: path, Message: err.Error()})
	}
	return c
}
