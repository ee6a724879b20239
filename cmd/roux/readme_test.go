package main

import (
	"bytes"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rouxml/roux/recipes"
)

const readme = "../../README.md"

var (
	recipeBlock  = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	outputBlock  = regexp.MustCompile("(?s)```\n(recipe quickstart:.*?)```")
	mermaidBlock = regexp.MustCompile("(?s)```mermaid\n(.*?)```")
	varies       = regexp.MustCompile(`[0-9.]+ [kMG]?B of memory|done in \S+:`)
)

// TestGeneratedReadme holds what the README shows to what the commands print;
// task gen rewrites it. Times and memory may differ, and measured numbers by as
// much as another processor's order of sums may make of them.
func TestGeneratedReadme(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	printed, graph := quickstart(t)
	now := bytes.Clone(text)
	if got := outputBlock.FindSubmatch(now); got == nil || !alikeOutput(string(got[1]), printed) {
		t.Logf("printed:\n%s", printed)
		now = within(now, outputBlock, printed)
	}
	now = within(now, mermaidBlock, graph)
	switch {
	case bytes.Equal(now, text):
	case *update:
		if err := os.WriteFile(readme, now, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md shows what roux does not print; run task gen")
	}
}

// within replaces what the pattern's group matches.
func within(text []byte, pattern *regexp.Regexp, by string) []byte {
	at := pattern.FindSubmatchIndex(text)
	if at == nil {
		return nil
	}
	return []byte(string(text[:at[2]]) + by + string(text[at[3]:]))
}

// quickstart runs the README's first command and draws its graph.
func quickstart(t *testing.T) (printed, graph string) {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	recipe, _ := recipes.ShippedText("quickstart")
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	bench(t, map[string]string{"q.yaml": string(recipe), "first.yaml": string(recipeBlock.FindSubmatch(text)[1])})
	if code, _, stderr := roux("run", "first.yaml"); code != exitDone {
		t.Errorf("the README's first recipe: exit %d\n%s", code, stderr)
	}
	t.Setenv("ROUX_CACHE", t.TempDir())
	var both bytes.Buffer
	if code := Main([]string{"run", "q.yaml"}, &both, &both); code != exitDone {
		t.Fatalf("exit %d\n%s", code, both.String())
	}
	_, graph, _ = roux("plan", "q.yaml", "--mermaid")
	t.Chdir(back)
	return both.String(), graph
}

// alikeOutput compares word by word.
func alikeOutput(a, b string) bool {
	x, y := strings.Fields(varies.ReplaceAllString(a, "")), strings.Fields(varies.ReplaceAllString(b, ""))
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		v, err1 := strconv.ParseFloat(x[i], 64)
		w, err2 := strconv.ParseFloat(y[i], 64)
		if x[i] != y[i] && (err1 != nil || err2 != nil || math.Abs(v-w) > 1e-5+0.01*math.Abs(w)) {
			return false
		}
	}
	return true
}
