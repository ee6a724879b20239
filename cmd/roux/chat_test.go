package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"

	"github.com/rouxml/roux/loaders/all"
)

// TestChatFlags: flags that mean nothing, or nothing by themselves, are refused
// before the model is opened.
func TestChatFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--prompt=":                   "--prompt is empty",
		"--max-tokens=0":              "--max-tokens 0: give 1 or more",
		"--workers=-1":                "--workers -1: give 1 or more",
		"--temperature=-1":            "--temperature -1: give 0 or more",
		"--temperature=nan":           "--temperature NaN: give 0 or more",
		"--top-k=-1 --temperature=1":  "--top-k -1: give 1 or more, or 0 for all",
		"--top-p=1.5 --temperature=1": "--top-p 1.5: give a share from 0 to 1",
		"--top-p=0.5":                 "--top-p means nothing where the likeliest token is taken",
		"--seed=1":                    "--seed means nothing where the likeliest token is taken",
	} {
		code, _, stderr := roux(append([]string{"chat", "nowhere"}, strings.Fields(args)...)...)
		if code != exitRecipe || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
	}
}

// interrupter sends this process an interrupt once something was written to it.
type interrupter struct {
	strings.Builder
	once sync.Once
}

func (w *interrupter) Write(p []byte) (int, error) {
	w.once.Do(interrupt)
	return w.Builder.Write(p)
}

func interrupt() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Signal(os.Interrupt)
	}
}

// TestTalk: at a terminal Ctrl-C cuts an answer short and the conversation goes
// on, as it does after a message that cannot be answered; at the prompt it ends
// it, though the read of a line is never over.
func TestTalk(t *testing.T) {
	bench(t, nil)
	whole := new(strings.Builder)
	say(t, whole).answer(t, "In the beginning")
	out := &interrupter{}
	c := say(t, out)
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	in, typed := io.Pipe()
	aside := &prompts{shown: make(chan bool, 9)}
	ended := make(chan error)
	go func() { ended <- c.talk(ctx, in, aside) }()
	for _, line := range []string{"In the beginning\n", "\n", strings.Repeat("and the lord said ", 200) + "\n", "And it\n"} {
		<-aside.shown
		if _, err := io.WriteString(typed, line); err != nil {
			t.Fatal(err)
		}
	}
	<-aside.shown
	interrupt()
	if err := <-ended; !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		t.Errorf("ended with %v", err)
	}
	short := strings.SplitAfter(out.String(), "\n")[0]
	if len(short) >= len(whole.String()) || len(out.String()) <= len(short) {
		t.Errorf("the whole answer is %q, and the conversation %q", whole, out.String())
	}
	if !strings.Contains(aside.String(), "which leaves no room for an answer in the model's 256 positions: write a shorter one\n> ") {
		t.Error(aside.String())
	}
}

// say begins a conversation without a template.
func say(t *testing.T, out io.Writer) *conversation {
	t.Helper()
	m, closer, err := all.Open(t.Context(), modelRef("testdata/models/base", ""), hubClient())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() })
	c, err := chatFlags{limit: 240}.start(m, out)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *conversation) answer(t *testing.T, text string) {
	t.Helper()
	if err := c.turn(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// prompts tells when one is shown.
type prompts struct {
	bytes.Buffer
	shown chan bool
}

func (p *prompts) Write(b []byte) (int, error) {
	n, err := p.Buffer.Write(b)
	if string(b) == "> " {
		p.shown <- true
	}
	return n, err
}
