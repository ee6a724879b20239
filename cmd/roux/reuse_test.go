package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/recipes"
)

// ran is what a run's events said.
type ran struct {
	outputs map[string]engine.OutputDone
	metrics map[string]map[string]float64
	done    engine.RunDone
}

func runEvents(t *testing.T, args ...string) ran {
	t.Helper()
	code, stdout, stderr := roux(append([]string{"run", "--json"}, args...)...)
	if code != exitDone {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	r := ran{outputs: map[string]engine.OutputDone{}}
	for d := json.NewDecoder(strings.NewReader(stdout)); d.More(); {
		var line struct {
			Event string
			Data  json.RawMessage
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		var o engine.OutputDone
		var m engine.Measured
		var err error
		switch line.Event {
		case "OutputDone":
			err = json.Unmarshal(line.Data, &o)
			r.outputs[o.Output] = o
		case "Measured":
			err = json.Unmarshal(line.Data, &m)
			r.metrics = m.Values
		case "RunDone":
			err = json.Unmarshal(line.Data, &r.done)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// decompositions counts what the cache holds of lowrank.svd.
func decompositions(t *testing.T) (n int) {
	t.Helper()
	_, stdout, _ := roux("cache", "list", "--json")
	var entries []cas.Entry
	if err := json.Unmarshal([]byte(stdout), &entries); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Label, "lowrank.svd ") {
			n++
		}
	}
	return n
}

// TestOneCurveValue changes the last value of the quickstart's curve, on which
// two of four layers depend: plan and run count the same 18 of 38 tensors in
// plain and in quantized outputs, only they are computed, decomposed and
// measured, and the bytes and metrics are those of a run from nothing.
func TestOneCurveValue(t *testing.T) {
	text, _ := recipes.ShippedText("quickstart")
	dir := bench(t, map[string]string{"q.yaml": string(text)})
	whole := runEvents(t, "q.yaml")
	if n := decompositions(t); n != 4 {
		t.Fatalf("%d decompositions", n)
	}
	put(t, dir+"/q.yaml", []byte(strings.Replace(string(text), "0.5, 0.7]", "0.5, 0.8]", 1)))

	_, stdout, _ := roux("plan", "q.yaml", "--json")
	var s engine.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	for _, o := range s.Outputs {
		if o.Why != "to be written again: 18 of 38 tensors changed" {
			t.Errorf("output %s: %s", o.Name, o.Why)
		}
	}
	held := map[string]int{}
	for _, st := range s.Steps {
		held[st.Name] = st.Held
	}
	if held["lowrank"] != 2 || held["quality"] != 20 {
		t.Errorf("held: %v", held)
	}

	part := runEvents(t, "q.yaml")
	for name, o := range part.outputs {
		if o.Reused != 20 || o.Tensors != 38 {
			t.Errorf("output %s: %+v", name, o)
		}
	}
	if n := decompositions(t); n != 6 {
		t.Errorf("the run decomposed %d matrices, and plan said 2", n-4)
	}
	if part.done.Computed > whole.done.Computed*6/10 {
		t.Errorf("%d of %d blocks computed", part.done.Computed, whole.done.Computed)
	}
	got := tree(t, "out")
	if err := os.RemoveAll("out"); err != nil {
		t.Fatal(err)
	}
	fresh := runEvents(t, "q.yaml", "--cache", t.TempDir())
	if tree(t, "out") != got {
		t.Error("what was reused differs from what a run from nothing makes")
	}
	if !maps.EqualFunc(fresh.metrics, part.metrics, maps.Equal[map[string]float64, map[string]float64]) {
		t.Error(cmp.Diff(fresh.metrics, part.metrics))
	}
}

// TestStrangers: what somebody put beside an output is not lost with it.
func TestStrangers(t *testing.T) {
	bench(t, map[string]string{"r.yaml": copyRecipe})
	if code, _, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Fatal(stderr)
	}
	mine := filepath.Join("small", "x", "notes.txt")
	put(t, mine, []byte("mine"))
	if code, _, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Errorf("nothing was to be written, and still: %s", stderr)
	}
	put(t, "r.yaml", []byte(strings.Replace(copyRecipe, "0.5", "0.6", 1)))
	code, _, stderr := roux("run", "r.yaml")
	if code != exitFailed || !strings.Contains(stderr, "notes.txt lies in") || !strings.Contains(stderr, "move it away, or have all replaced with --force") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
		t.Errorf("the file is gone: %v", err)
	}
	if code, _, stderr := roux("run", "r.yaml", "--force"); code != exitDone {
		t.Error(stderr)
	}
	if _, err := os.Stat(mine); !os.IsNotExist(err) {
		t.Errorf("--force left what it was to replace: %v", err)
	}
}
