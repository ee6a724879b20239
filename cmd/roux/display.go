package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/rouxml/roux/engine"
)

// display shows a run's events: bars on a terminal, plain lines elsewhere,
// JSON lines when asked.
type display struct {
	out, err io.Writer
	flags    recipeFlags

	mu    sync.Mutex
	bars  *mpb.Progress // nil without a terminal
	bar   map[string]*mpb.Bar
	since time.Time // of the latest plain line
}

func newDisplay(cmd *cobra.Command, f recipeFlags) *display {
	d := &display{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), flags: f, bar: map[string]*mpb.Bar{}, since: time.Now()}
	if file, ok := d.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) && !f.json && !f.quiet {
		d.bars = mpb.New(mpb.WithOutput(file), mpb.WithWidth(48), mpb.WithRefreshRate(120*time.Millisecond))
	}
	return d
}

// close ends the bars, those of work that was cut short too.
func (d *display) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endBars()
}

func (d *display) endBars() {
	if d.bars == nil {
		return
	}
	for _, b := range d.bar {
		b.Abort(false)
	}
	d.bars.Wait()
	d.bars = nil
}

func (d *display) event(e engine.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.flags.json:
		d.jsonLine(e)
	case d.flags.quiet:
	default:
		d.text(e)
	}
}

func (d *display) jsonLine(e engine.Event) {
	line := struct {
		Event string       `json:"event"`
		Data  engine.Event `json:"data"`
	}{reflect.TypeOf(e).Name(), e}
	if text, err := json.Marshal(line); err == nil {
		d.print("%s\n", text)
	}
}

// print writes to standard output, whose failing shows in the exit of whoever
// reads it.
func (d *display) print(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

// note writes to standard error, above the bars if there are any.
func (d *display) note(format string, args ...any) {
	if d.bars != nil {
		_, _ = fmt.Fprintf(d.bars, format, args...)
		return
	}
	_, _ = fmt.Fprintf(d.err, format, args...)
}

func (d *display) text(e engine.Event) {
	switch e := e.(type) {
	case engine.RunStarted:
		d.note("recipe %s: %d tensors, %s to write, %s of memory\n", e.Recipe, e.Tasks, humanize.Bytes(uint64(e.Bytes)), humanize.Bytes(uint64(e.Memory)))
	case engine.TaskDone:
		d.progress(e)
	case engine.Warning:
		d.note("warning: %s\n", e.Text)
	case engine.OutputDone:
		d.note("%s\n", outputLine(e))
	case engine.Measured:
		d.endBars()
		d.metrics(e)
	case engine.GateChecked:
		d.endBars()
		d.print("gate %-7s %s\n", map[bool]string{true: "passed", false: "FAILED"}[e.Pass], e.Gate)
	case engine.RunDone:
		d.endBars()
		d.print("done in %s: %d blocks computed, %d results from the cache\n", e.Elapsed.Round(time.Millisecond), e.Computed, e.Hits)
	}
}

func outputLine(e engine.OutputDone) string {
	size := humanize.Bytes(uint64(e.Bytes))
	switch {
	case e.Fresh:
		return fmt.Sprintf("output %s: %s is up to date (%d tensors, %s)", e.Output, e.Path, e.Tensors, size)
	case e.Reused > 0:
		return fmt.Sprintf("output %s: wrote %s (%d tensors, %s; %d as they were)", e.Output, e.Path, e.Tensors, size, e.Reused)
	}
	return fmt.Sprintf("output %s: wrote %s (%d tensors, %s)", e.Output, e.Path, e.Tensors, size)
}

// progress moves a bar, or without a terminal says a line every five seconds.
func (d *display) progress(e engine.TaskDone) {
	if d.bars == nil {
		if time.Since(d.since) > 5*time.Second {
			d.since = time.Now()
			d.note("%s: %d of %d tensors\n", e.Step, e.Done, e.Total)
		}
		return
	}
	b := d.bar[e.Step]
	if b == nil {
		b = d.bars.AddBar(int64(e.Total),
			mpb.PrependDecorators(decor.Name(e.Step, decor.WCSyncSpaceR), decor.CountersNoUnit("%d/%d", decor.WCSyncSpace)),
			mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace)))
		d.bar[e.Step] = b
	}
	b.SetCurrent(int64(e.Done))
}

// metrics prints a table of a measuring step, a line for each model.
func (d *display) metrics(e engine.Measured) {
	var models, columns []string
	for model, values := range e.Values {
		models = append(models, model)
		for name := range values {
			if !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
	}
	slices.Sort(models)
	slices.Sort(columns)
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s\t%s\n", e.Step, strings.Join(columns, "\t"))
	for _, model := range models {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = humanMetric(c, e.Values[model][c])
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", model, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
}

func humanMetric(name string, v float64) string {
	if name == "bytes" {
		return humanize.Bytes(uint64(v))
	}
	return fmt.Sprintf("%.5g", v)
}
