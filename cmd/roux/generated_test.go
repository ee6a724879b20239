package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	opsall "github.com/rouxml/roux/ops/all"
	"github.com/rouxml/roux/schema"
)

var update = flag.Bool("update", false, "rewrite generated files")

// TestGenerated holds the reference and the JSON Schema to the code that they
// are made from; task gen rewrites them.
func TestGenerated(t *testing.T) {
	files := map[string][]byte{}
	reg, err := opsall.Registry()
	if err != nil {
		t.Fatal(err)
	}
	var index bytes.Buffer
	index.WriteString("# Ops\n\nMade from the code by `task gen`.\n\n")
	for _, name := range reg.Names() {
		op, _ := reg.Op(name)
		fmt.Fprintf(&index, "- [%s](%s.md): %s\n", name, name, op.Summary)
		var b bytes.Buffer
		fmt.Fprintf(&b, "# %s\n\n%s\n\n%s\n\n%s\n", op.Name, op.Summary, op.Doc, schema.Markdown(op.New()))
		if op.Where != "" {
			fmt.Fprintf(&b, "Without `where` it works on tensors with `%s`.\n\n", op.Where)
		}
		fmt.Fprintf(&b, "```yaml\n%s```\n\nSource: %s. Version %d.\n", op.Example, op.Source, op.Version)
		files["docs/ops/"+name+".md"] = b.Bytes()
	}
	files["docs/ops/README.md"] = index.Bytes()
	if files["schema/recipe.schema.json"], err = recipeSchema(); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := filepath.Join("../..", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s is stale; run task gen:\n%s", name, d)
		}
	}
}
