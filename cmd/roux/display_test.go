package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/engine"
)

// TestPace: bytes alone at first, then rate and remaining time.
func TestPace(t *testing.T) {
	if got := (pace{total: 4e9, start: time.Now()}).String(); got != "0 B of 4.0 GB" {
		t.Error(got)
	}
	got := pace{done: 1e9, total: 4e9, start: time.Now().Add(-10 * time.Second)}.String()
	if got != "1.0 GB of 4.0 GB, 100 MB/s, 30s left" {
		t.Error(got)
	}
}

// TestBars: while a step is at work its line tells pieces, bytes, rate and
// remaining time, with a line for all outputs below; at the end all lines are
// gone and what was said above them stays.
func TestBars(t *testing.T) {
	var screen bytes.Buffer
	d := &display{out: &screen, err: &screen, bars: newBars(&screen), onTTY: true, written: map[string]int64{}, paces: map[string]*pace{}}
	d.event(engine.RunStarted{Recipe: "r", Tasks: 2, Bytes: 2e6, Memory: 1e9})
	d.event(engine.TaskDone{Step: "low", Done: 1, Total: 3, DoneBytes: 1e6, TotalBytes: 3e6})
	d.event(engine.TaskDone{Step: "write x", Done: 1, Total: 2, DoneBytes: 1e6, TotalBytes: 2e6})
	time.Sleep(500 * time.Millisecond)
	d.event(engine.OutputDone{Output: "x", Path: "out/x", Tensors: 2, Bytes: 2e6})
	d.event(engine.RunDone{Elapsed: time.Second, Computed: 7})
	text := screen.String()
	for _, want := range []string{"recipe r: 2 tensors, 2.0 MB to write", "low", " 1/3 [", "] 1.0 MB of 3.0 MB, ", "B/s, ", "s left", "write x", "1/2", "all outputs", "output x: wrote out/x", "done in 1s: 7 blocks computed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the display never shows %q:\n%s", want, text)
		}
	}
	if strings.Contains(text[strings.Index(text, "done in"):], "all outputs") {
		t.Errorf("a line stays after the end:\n%s", text)
	}
}

// TestHumanMetric: counts are whole and measures have five digits.
func TestHumanMetric(t *testing.T) {
	for want, v := range map[string]float64{"491520": 491520, "0": 0, "-3": -3, "0.90652": 0.906524, "8950.2": 8950.21, "1e+20": 1e20} {
		if got := humanMetric("parameters", v); got != want {
			t.Errorf("%v is shown as %s, not as %s", v, got, want)
		}
	}
}

// TestPieces: work without bytes is told by its pieces, with the time that is left.
func TestPieces(t *testing.T) {
	e := engine.TaskDone{Step: "run math: base", Of: "questions", Done: 5, Total: 20}
	p := newPace(e, time.Now().Add(-10*time.Second))
	if p.done = doneOf(e); p.String() != "30s left" {
		t.Error(p)
	}
	var text bytes.Buffer
	d := &display{out: &text, err: &text, paces: map[string]*pace{}}
	d.event(e)
	e.Done = 10
	d.event(e)
	if !strings.HasPrefix(text.String(), "run math: base: 5 of 20 questions, ") {
		t.Error(text.String())
	}
}

// TestMetricTable: models stand in the order of the step, a metric before what
// it is uncertain by, quantiles and layers in theirs.
func TestMetricTable(t *testing.T) {
	e := engine.Measured{Step: "q", Models: []string{"sums", "base"}, Values: map[string]map[string]float64{
		"base":     {"kl_high": 4, "kl_p999": 7, "kl_median": 6, "kl": 1, "kl_low": 3, "kl_stderr": 2, "kl_min": 5},
		"sums":     {"layer_10": 9, "layer_9": 8, "kl_max": 7.5},
		"combined": {"tokens": 12},
	}}
	want := `q           base  sums  combined
kl 1 - -
kl_stderr 2 - -
kl_low 3 - -
kl_high 4 - -
kl_min 5 - -
kl_median 6 - -
kl_p999 7 - -
kl_max - 7.5 -
layer_9 - 8 -
layer_10 - 9 -
tokens - - 12`
	e.Models = []string{"base", "sums"}
	e.Values["sums"]["more"], e.Values["sums"]["yet"] = 1, 1 // thirteen are written below each other
	var got []string
	for i, line := range strings.Split(strings.TrimSpace(metricTable(e)), "\n") {
		if f := strings.Fields(line); i == 0 {
			got = append(got, line)
		} else if f[0] != "more" && f[0] != "yet" {
			got = append(got, strings.Join(f, " "))
		}
	}
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(strings.Join(got, "\n"))); diff != "" {
		t.Error(diff)
	}
	e.Models, e.Values = []string{"sums", "base"}, map[string]map[string]float64{"base": {"x": 1}, "sums": {"x": 2}, "all": {"x": 3}}
	if got, want := metricTable(e), "q       x\n  sums  2\n  base  1\n  all   3\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
