package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/recipes"
)

// TestEveryCommandHasHelp: each command says what it does and shows an example
// that its own parser takes.
func TestEveryCommandHasHelp(t *testing.T) {
	var out bytes.Buffer
	root := newRoot(&out, &out)
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" && (cmd.Parent() == nil || cmd.Parent().Name() != "completion") {
			t.Errorf("%s has no help or no example", cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "roux" {
				continue
			}
			found, rest, err := root.Find(words[1:])
			if err != nil || found == root {
				t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
				continue
			}
			if before, _, redirected := strings.Cut(strings.Join(rest, " "), " >"); redirected || strings.HasPrefix(before, ">") {
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(root)
}

// TestJSON: with --json, standard output is JSON and nothing else, on success
// and on problems.
func TestJSON(t *testing.T) {
	bench(t, map[string]string{"r.yaml": copyRecipe, "bad.yaml": strings.Replace(copyRecipe, "sparsity", "sparcity", 1)})
	for _, args := range []string{
		"check r.yaml --json", "check bad.yaml --json", "check nothing.yaml --json", "plan r.yaml --json", "run r.yaml --json",
		"inspect testdata/models/base --json", "ops --json", "ops merge.ties --json", "schema", "version --json",
		"cache list --json", "cache verify --json", "cache trim --size 1GB --json", "cache clear --json",
	} {
		_, stdout, stderr := roux(strings.Fields(args)...)
		documents := 0
		for d := json.NewDecoder(strings.NewReader(stdout)); d.More(); documents++ {
			var v any
			if err := d.Decode(&v); err != nil {
				t.Errorf("roux %s: %v\n%s%s", args, err, stdout, stderr)
				break
			}
		}
		if documents == 0 || documents > 1 && !strings.HasPrefix(args, "run") {
			t.Errorf("roux %s prints %d documents", args, documents)
		}
	}
	_, stdout, _ := roux("check", "bad.yaml", "--json")
	var c checked
	if err := json.Unmarshal([]byte(stdout), &c); err != nil || len(c.Problems) == 0 {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if p := c.Problems[0]; p.Line != 3 || p.Column == 0 || !strings.Contains(p.Cure, `"sparsity"`) {
		t.Errorf("%+v", p)
	}
}

// TestModelRef: what recipes take as a model, commands take as an argument.
func TestModelRef(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	put(t, "a+b@c", nil)
	for arg, want := range map[string]all.Ref{
		"o/m":       {Path: "o/m"},
		"o/m@v1":    {Path: "o/m", Revision: "v1"},
		"o/m+l":     {Path: "o/m", Adapter: "l"},
		"o/m@1+l@2": {Path: "o/m", Revision: "1", Adapter: "l", AdapterRevision: "2"},
		"a+b@c":     {Path: "a+b@c"},
	} {
		if got := modelRef(arg, ""); got != want {
			t.Errorf("%s is read as %+v", arg, got)
		}
	}
	if got, want := modelRef("o/m", "a+b@c"), (all.Ref{Path: "o/m", Adapter: "a+b@c"}); got != want {
		t.Errorf("with --adapter: %+v", got)
	}
}

// TestStarters: every recipe that init writes checks without problems outside
// of this project, and a plan of it names what is still to be filled in.
func TestStarters(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range recipes.Shipped() {
		file := name + ".yaml"
		var out bytes.Buffer
		for _, args := range [][]string{{"init", file, "--from", name}, {"check", file}} {
			if code := Main(args, &out, &out); code != 0 {
				t.Errorf("%v: exit %d\n%s", args, code, out.String())
			}
		}
		out.Reset()
		if code := Main([]string{"plan", file, "--cache", "cache"}, &out, &out); code != exitRecipe || !strings.Contains(out.String(), " is a placeholder (put a path or a Hub id of your own there)") {
			t.Errorf("plan %s: exit %d\n%s", file, code, out.String())
		}
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("testdata")) {
			t.Errorf("%s names a file of this project: %v\n%s", file, err, text)
		}
	}
}
