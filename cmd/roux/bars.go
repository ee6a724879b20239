package main

import (
	"fmt"
	"io"
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
	since time.Time
	last  time.Time // of the latest event: when the next new line's work began
}

// line is one bar and what it counts.
type line struct {
	bar  *mpb.Bar
	pace pace
	text func() string // where the work stands, in pieces
}

func newBars(out io.Writer) *bars {
	return &bars{all: mpb.New(mpb.WithOutput(out), mpb.WithRefreshRate(120*time.Millisecond), mpb.WithAutoRefresh()),
		lines: map[string]*line{}, since: time.Now(), last: time.Now()}
}

// start shows the line for all outputs, so that something is seen at once.
func (b *bars) start(e engine.RunStarted) {
	for name := range b.lines {
		b.drop(name) // of downloads, which are there
	}
	b.whole = b.add("all outputs", 1000, e.Bytes)
	b.whole.text = func() string { return time.Since(b.since).Truncate(time.Second).String() }
}

// task moves the line of a step or output.
func (b *bars) task(e engine.TaskDone, written int64) {
	l := b.lines[e.Step]
	if l == nil {
		l = b.add(e.Step, len(b.lines), e.TotalBytes)
		b.lines[e.Step] = l
	}
	b.last = time.Now()
	l.text = func() string { return fmt.Sprintf("%d/%d", e.Done, e.Total) }
	l.move(e.DoneBytes)
	if b.whole != nil {
		b.whole.move(written)
	}
	if e.Done == e.Total {
		b.drop(e.Step)
	}
}

// fetch moves the line of a download.
func (b *bars) fetch(name string, e engine.Fetching) {
	l := b.lines[name]
	if l == nil {
		b.last = time.Now()
		l = b.add(name, len(b.lines), e.Total)
		b.lines[name] = l
	}
	l.move(e.Done)
	if e.Done == e.Total {
		b.drop(name)
	}
}

func (l *line) move(bytes int64) {
	l.pace.done = bytes
	l.bar.SetCurrent(bytes)
}

func (b *bars) add(name string, priority int, total int64) *line {
	l := &line{pace: pace{total: total, start: b.last}, text: func() string { return "" }}
	l.bar = b.all.AddBar(total, mpb.BarPriority(priority), mpb.BarWidth(30), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.Any(func(decor.Statistics) string { return l.text() }, decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return l.pace.String() }, decor.WCSyncSpaceR)))
	return l
}

func (b *bars) drop(name string) {
	if l := b.lines[name]; l != nil {
		l.bar.Abort(true)
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
	start       time.Time
}

// String gives bytes, rate and remaining time, as far as they are known.
func (p pace) String() string {
	if p.total < 0 {
		return humanize.Bytes(uint64(p.done))
	}
	s := fmt.Sprintf("%s of %s", humanize.Bytes(uint64(p.done)), humanize.Bytes(uint64(p.total)))
	spent := time.Since(p.start).Seconds()
	if p.done == 0 || spent <= 0 {
		return s
	}
	rate := float64(p.done) / spent
	left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s, %s/s, %s left", s, humanize.Bytes(uint64(rate)), left)
}
