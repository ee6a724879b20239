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
	firstBlock   = regexp.MustCompile("(?s)```\n(recipe first:.*?)```")
	outputBlock  = regexp.MustCompile("(?s)```\n(recipe quickstart:.*?)```")
	mermaidBlock = regexp.MustCompile("(?s)```mermaid\n(.*?)```")
	varies       = regexp.MustCompile(`[0-9.]+ [kMG]?B of memory|done in \S+:`)
	slow         = regexp.MustCompile(`(?m)^.*, \d+s left\n`) // said every five seconds
)

// TestGeneratedReadme holds what the README shows to what the commands print;
// task gen rewrites it. Times and memory may differ, and measured numbers by as
// much as another processor's order of sums may make of them.
func TestGeneratedReadme(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	recipe, _ := recipes.ShippedText("quickstart")
	first, _ := shown(t, "first", recipeBlock.FindSubmatch(text)[1])
	quickstart, graph := shown(t, "quickstart", recipe)
	now := bytes.Clone(text)
	for block, printed := range map[*regexp.Regexp]string{firstBlock: first, outputBlock: quickstart} {
		if got := block.FindSubmatch(now); got == nil || !alikeOutput(string(got[1]), printed) {
			t.Logf("printed:\n%s", printed)
			now = within(now, block, printed)
		}
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

// shown runs a recipe with an empty cache and draws its graph.
func shown(t *testing.T, name string, recipe []byte) (printed, graph string) {
	t.Helper()
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	bench(t, map[string]string{name + ".yaml": string(recipe)})
	t.Setenv("ROUX_CACHE", t.TempDir())
	var both bytes.Buffer
	if code := Main([]string{"run", name + ".yaml"}, &both, &both); code != exitDone {
		t.Fatalf("%s: exit %d\n%s", name, code, both.String())
	}
	_, graph, _ = roux("plan", name+".yaml", "--mermaid")
	t.Chdir(back)
	return slow.ReplaceAllString(both.String(), ""), graph
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
