package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// longestLine bounds a message, of which a model with many positions takes a
// megabyte or two.
const longestLine = 16 << 20

// said is a line of the input, or why there are no more.
type said struct {
	text string
	err  error
}

// hear reads lines that are not blank by a goroutine of its own: nothing cuts
// a read short, and an interrupt must not wait for one. The channel is closed
// at the input's end.
func hear(in io.Reader) <-chan said {
	heard := make(chan said)
	go func() {
		defer close(heard)
		s := bufio.NewScanner(in)
		s.Buffer(nil, longestLine)
		for s.Scan() {
			if strings.TrimSpace(s.Text()) != "" {
				heard <- said{text: s.Text()}
			} else {
				heard <- said{}
			}
		}
		err := s.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line of the input has more than %d MiB: write shorter messages", longestLine>>20)
		}
		if err != nil {
			heard <- said{err: err}
		}
	}()
	return heard
}

// lines answers each line of a file or pipe until there are no more; the first
// that cannot be answered ends it.
func (c *conversation) lines(ctx context.Context, in io.Reader) error {
	heard := hear(in)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, more := <-heard:
			if !more || line.err != nil {
				return line.err
			}
			if line.text == "" {
				continue
			}
			if err := c.turn(ctx, line.text); err != nil {
				return err
			}
		}
	}
}

// talk answers somebody at a terminal. Ctrl-C cuts an answer short, or ends the
// conversation where none is written; what cannot be answered is said, and the
// conversation goes on.
func (c *conversation) talk(ctx context.Context, in io.Reader, aside io.Writer) error {
	if c.template == "" && !c.flags.raw {
		_, _ = fmt.Fprintln(aside, "the tokenizer has no chat template: each line is continued as a text of its own")
	}
	ended := ctx // by the first signal, which may be meant for an answer alone
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	heard := hear(in)
	for {
		_, _ = fmt.Fprint(aside, "> ")
		line, more := said{}, false
		err := untilInterrupt(ctx, func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				<-ended.Done()
				return ctx.Err()
			case line, more = <-heard:
				return line.err
			}
		})
		if err != nil || !more {
			_, _ = fmt.Fprintln(aside)
			return err
		}
		if line.text == "" {
			continue
		}
		err = untilInterrupt(ctx, func(ctx context.Context) error { return c.turn(ctx, line.text) })
		switch {
		case ctx.Err() != nil:
			<-ended.Done()
			return ctx.Err()
		case err != nil && !errors.Is(err, context.Canceled):
			_, _ = fmt.Fprintf(aside, "roux: %v\n", err)
		}
	}
}

// untilInterrupt runs something that Ctrl-C cancels.
func untilInterrupt(ctx context.Context, run func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	return run(ctx)
}
