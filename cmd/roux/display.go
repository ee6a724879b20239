package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rouxml/roux/engine"
)

// display shows a run's events: bars on a terminal, plain lines elsewhere,
// JSON lines when asked.
type display struct {
	out, err io.Writer
	flags    recipeFlags

	mu      sync.Mutex
	bars    *bars // nil without a terminal, and once they are closed
	onTTY   bool  // standard output is the terminal that the bars are on
	written map[string]int64
	paces   map[string]*pace // of plain lines
	since   time.Time        // of the latest plain line
}

func newDisplay(cmd *cobra.Command, f recipeFlags) *display {
	d := &display{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), flags: f, written: map[string]int64{}, paces: map[string]*pace{}, since: time.Now()}
	if isTerminal(d.err) && os.Getenv("TERM") != "dumb" && !f.json && !f.quiet {
		d.bars, d.onTTY = newBars(d.err), isTerminal(d.out)
	}
	return d
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// close ends the bars, those of work that was cut short too.
func (d *display) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endBars()
}

func (d *display) endBars() {
	if d.bars != nil {
		d.bars.close()
		d.bars = nil
	}
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
	text, err := json.Marshal(line)
	if err != nil { // NaN and Inf have no form in JSON; the event must not go in silence
		text = fmt.Appendf(nil, `{"event":%q,"error":%q}`, line.Event, err)
	}
	d.print("%s\n", text)
}

// print writes to standard output, whose failing shows in the exit of whoever
// reads it. Where that is a terminal with bars, it goes above them.
func (d *display) print(format string, args ...any) {
	if d.bars != nil && d.onTTY {
		d.note(format, args...)
		return
	}
	_, _ = fmt.Fprintf(d.out, format, args...)
}

// note writes to standard error, above the bars if there are any.
func (d *display) note(format string, args ...any) {
	if d.bars != nil {
		_, _ = fmt.Fprintf(d.bars.all, format, args...)
		return
	}
	_, _ = fmt.Fprintf(d.err, format, args...)
}

func (d *display) text(e engine.Event) {
	switch e := e.(type) {
	case engine.RunStarted:
		d.note("%s\n", startLine(e))
		if d.bars != nil {
			d.bars.start(e)
		}
	case engine.Fetching:
		d.fetching(e)
	case engine.TaskDone:
		d.progress(e)
	case engine.Warning:
		d.note("warning: %s\n", e.Text)
	case engine.OutputDone:
		d.note("%s\n", outputLine(e))
	case engine.Measured:
		d.print("%s", metricTable(e))
	case engine.GateChecked:
		d.print("%s\n", gateLine(e))
	case engine.RunDone:
		d.endBars()
		d.print("done in %s: %s computed, %s from the cache\n", e.Elapsed.Round(time.Millisecond), count(e.Computed, "block"), count(e.Hits, "result"))
	}
}

func startLine(e engine.RunStarted) string {
	memory := humanize.Bytes(uint64(e.Memory))
	if e.Tasks == 0 {
		return fmt.Sprintf("recipe %s: %s of memory", e.Recipe, memory)
	}
	return fmt.Sprintf("recipe %s: %d tensors, %s to write, %s of memory", e.Recipe, e.Tasks, humanize.Bytes(uint64(e.Bytes)), memory)
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

// fetching shows a download as a line of its own, or without a terminal says
// how far it is every five seconds and when it is there.
func (d *display) fetching(e engine.Fetching) {
	name := "fetch " + e.File
	if d.bars != nil {
		d.bars.fetch(name, e)
		return
	}
	if d.paces[name] == nil {
		d.paces[name] = &pace{start: time.Now(), total: e.Total}
	}
	d.paces[name].done = e.Done
	if e.Done == e.Total || time.Since(d.since) > 5*time.Second {
		d.since = time.Now()
		d.note("%s: %v\n", name, *d.paces[name])
	}
}

// progress moves a bar, or without a terminal says a line every five seconds.
func (d *display) progress(e engine.TaskDone) {
	if strings.HasPrefix(e.Step, "write ") {
		d.written[e.Step] = e.DoneBytes
	}
	if d.bars != nil {
		var written int64
		for _, n := range d.written {
			written += n
		}
		d.bars.task(e, written)
		return
	}
	key := e.Step + e.Of
	if d.paces[key] == nil {
		d.paces[key] = newPace(e, time.Now())
	}
	d.paces[key].done = doneOf(e)
	if time.Since(d.since) > 5*time.Second {
		d.since = time.Now()
		d.note("%s: %d of %d %s, %v\n", e.Step, e.Done, e.Total, cmp.Or(e.Of, "tensors"), *d.paces[key])
	}
}

// count says how many there are of something.
func count(n int, word string) string {
	return fmt.Sprintf("%d %s", n, english.PluralWord(n, word, ""))
}
