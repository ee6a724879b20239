package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link  = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	fence = regexp.MustCompile("(?s)```yaml\n(roux: 1\n.*?)```")
)

// TestDocs: links between pages lead somewhere, the index names every page, and
// a whole recipe that a page shows is one without problems.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	index := string(read(t, "../../docs/README.md"))
	for _, page := range append(pages, "../../README.md", "../../CONTRIBUTING.md", "../../docs/ops/README.md") {
		text := read(t, page)
		for _, m := range link.FindAllSubmatch(text, -1) {
			to := string(m[1])
			if strings.Contains(to, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, to)
			}
		}
		if name := filepath.Base(page); !strings.Contains(index, name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
		for _, m := range fence.FindAllSubmatch(text, -1) {
			t.Run(filepath.Base(page), func(t *testing.T) {
				bench(t, map[string]string{"shown.yaml": string(m[1])})
				if code, _, stderr := roux("check", "shown.yaml"); code != exitDone {
					t.Errorf("the recipe that %s shows: exit %d\n%s", page, code, stderr)
				}
			})
		}
	}
}

// TestRecipesDoc: docs/recipes.md explains every key of the language that is not
// an op's own, and every name that `where` can read.
func TestRecipesDoc(t *testing.T) {
	doc := string(read(t, "../../docs/recipes.md"))
	for _, word := range strings.Fields("roux name description seed params models data steps gates outputs " +
		"path revision adapter adapter_revision architecture recipe output " +
		"op where when matrix keys cache allow_empty note from format dtype shard_size nan card calibrate " +
		"kind layer layers depth rows cols numel") {
		if !strings.Contains(doc, "`"+word+"`") {
			t.Errorf("docs/recipes.md does not explain %s", word)
		}
	}
}
