package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/rouxml/roux/engine"
)

// bars is the live part of the display: a line for each step and output at
// work, and one below for all outputs.
type bars struct {
	all   *mpb.Progress
	lines map[string]*line
	whole *line
	last  time.Time // of the latest event: when the next new line's work began
}

// line is one bar and what it counts, which another goroutine draws.
type line struct {
	bar  *mpb.Bar
	mu   sync.Mutex
	pace pace
	text string // where the work stands, in pieces
}

// drawn is what stands before the bar and behind it.
func (l *line) drawn() (text, pace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pace.clock {
		return time.Since(l.pace.start).Truncate(time.Second).String(), l.pace.String()
	}
	return l.text, l.pace.String()
}

func newBars(out io.Writer) *bars {
	return &bars{all: mpb.New(mpb.WithOutput(out), mpb.WithRefreshRate(120*time.Millisecond), mpb.WithAutoRefresh()),
		lines: map[string]*line{}, last: time.Now()}
}

// start shows the line for all outputs, so that something is seen at once.
func (b *bars) start(e engine.RunStarted) {
	for name := range b.lines {
		b.drop(name) // of downloads, which are there
	}
	if e.Bytes == 0 {
		return
	}
	b.whole = b.add("all outputs", 1000, pace{total: e.Bytes, clock: true})
}

// task moves the line of a step or output.
func (b *bars) task(e engine.TaskDone, written int64) {
	key := e.Step + e.Of // what follows another kind of pieces has a line of its own
	l := b.lines[key]
	if l == nil {
		l = b.add(e.Step, len(b.lines), *newPace(e, time.Time{}))
		b.lines[key] = l
	}
	b.last = time.Now()
	l.move(fmt.Sprintf("%d/%d", e.Done, e.Total), doneOf(e))
	if b.whole != nil {
		b.whole.move("", written)
	}
	if e.Done == e.Total {
		b.drop(key)
	}
}

// fetch moves the line of a download.
func (b *bars) fetch(name string, e engine.Fetching) {
	l := b.lines[name]
	if l == nil {
		b.last = time.Now()
		l = b.add(name, len(b.lines), pace{total: e.Total})
		b.lines[name] = l
	}
	l.move("", e.Done)
	if e.Done == e.Total {
		b.drop(name)
	}
}

func (l *line) move(text string, done int64) {
	l.mu.Lock()
	l.text, l.pace.done = text, done
	l.mu.Unlock()
	l.bar.SetCurrent(done)
}

func (b *bars) add(name string, priority int, p pace) *line {
	p.start = b.last
	l := &line{pace: p}
	l.bar = b.all.AddBar(p.total, mpb.BarPriority(priority), mpb.BarWidth(30), mpb.BarFillerTrim(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.Any(func(decor.Statistics) string { text, _ := l.drawn(); return text + " " }, decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { _, pace := l.drawn(); return " " + pace }, decor.WCSyncSpaceR)))
	return l
}

func (b *bars) drop(name string) {
	if l := b.lines[name]; l != nil {
		l.bar.Abort(true)
		delete(b.lines, name)
	}
}

// close takes all lines off the screen.
func (b *bars) close() {
	for name := range b.lines {
		b.drop(name)
	}
	if b.whole != nil {
		b.whole.bar.Abort(true)
	}
	b.all.Wait()
}

// pace is how far work of a known size is and how fast it goes.
type pace struct {
	done, total int64
	counts      bool // pieces, which are said elsewhere, and no bytes
	clock       bool // the time since the start is shown in place of pieces
	start       time.Time
}

// newPace is that of work which goes by bytes, or by pieces that have none.
func newPace(e engine.TaskDone, start time.Time) *pace {
	if e.TotalBytes > 0 {
		return &pace{total: e.TotalBytes, start: start}
	}
	return &pace{total: int64(e.Total), counts: true, start: start}
}

// doneOf is how far work is, in the unit of its pace.
func doneOf(e engine.TaskDone) int64 {
	if e.TotalBytes > 0 {
		return e.DoneBytes
	}
	return int64(e.Done)
}

// String gives bytes, rate and remaining time, as far as they are known.
func (p pace) String() string {
	if p.total < 0 {
		return humanize.Bytes(uint64(p.done))
	}
	s := fmt.Sprintf("%s of %s", humanize.Bytes(uint64(p.done)), humanize.Bytes(uint64(p.total)))
	if p.counts {
		s = ""
	}
	spent := time.Since(p.start).Seconds()
	if p.done == 0 || spent <= 0 {
		return s
	}
	rate := float64(p.done) / spent
	left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second)).Round(time.Second)
	if p.counts {
		return fmt.Sprintf("%s left", left)
	}
	return fmt.Sprintf("%s, %s/s, %s left", s, humanize.Bytes(uint64(rate)), left)
}
