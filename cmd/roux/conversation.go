package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/loaders/tokenizer/chat"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/rng"
)

// conversation is a model and what was said.
type conversation struct {
	flags    chatFlags
	out      io.Writer
	model    *nn.Model
	tokens   *tokenizer.Tokenizer
	template string // empty: lines are continued
	messages []message
	cache    *nn.Cache
	ends     []int32 // tokens that end an answer
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func (f chatFlags) start(m *tensor.Model, out io.Writer) (*conversation, error) {
	model, err := nn.Open(m.Weights, m.Config, nn.Options{Workers: f.workers, Resident: true})
	if err != nil {
		return nil, err
	}
	if a := model.Arch(); a.Encoder {
		return nil, fmt.Errorf("a model of type %s is an encoder and generates nothing", a.Type)
	}
	t, err := tokenizer.Open(m.Files)
	if err != nil {
		return nil, err
	}
	c := &conversation{flags: f, out: out, model: model, tokens: t, cache: model.NewCache(), ends: slices.Concat(t.Ends(), model.Arch().Ends)}
	if !f.raw {
		c.template, _ = t.Template("default")
	}
	if f.system != "" {
		if c.template == "" {
			return nil, usageError{errors.New("--system: the tokenizer has no chat template to put it into")}
		}
		c.messages = append(c.messages, message{"system", f.system})
	}
	return c, nil
}

// turn answers one message and remembers both; an error leaves what was said
// before as it was.
func (c *conversation) turn(ctx context.Context, text string) error {
	before := len(c.messages)
	err := c.reply(ctx, text)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.messages = c.messages[:before]
	}
	return err
}

func (c *conversation) reply(ctx context.Context, text string) error {
	ids, err := c.prompt(text)
	if err != nil {
		return err
	}
	if err := c.fits(ids); err != nil {
		return err
	}
	w := &writer{to: c.out, tokens: c.tokens}
	sampling := nn.Sampling{Temperature: c.flags.temperature, TopK: c.flags.topK, TopP: c.flags.topP, Key: rng.NewKey(c.flags.seed, "chat", "", "", "")}
	_, err = c.cache.Generate(ctx, c.cache.Resume(ids), c.flags.limit, sampling, func(id int32) bool {
		return slices.Contains(c.ends, id) || !w.add(id)
	})
	if err == nil || errors.Is(err, context.Canceled) {
		if c.template != "" {
			c.messages = append(c.messages, message{"assistant", w.text})
		}
		w.end()
	}
	return cmp.Or(err, w.err)
}

// fits refuses tokens that the model lacks, and more of them than it has
// positions.
func (c *conversation) fits(ids []int32) error {
	a := c.model.Arch()
	for _, id := range ids {
		if int(id) >= a.Vocab {
			return fmt.Errorf("token %d is none of the model's %d: the tokenizer does not match the vocabulary", id, a.Vocab)
		}
	}
	switch {
	case len(ids) < a.Positions:
		return nil
	case slices.ContainsFunc(c.messages, func(m message) bool { return m.Role == "assistant" }):
		return fmt.Errorf("the conversation has come to %d tokens, which leaves no room for an answer in the model's %d positions: begin another, or write a shorter message", len(ids), a.Positions)
	}
	return fmt.Errorf("the message has %d tokens, which leaves no room for an answer in the model's %d positions: write a shorter one", len(ids), a.Positions)
}

// prompt is the conversation with a new message as tokens, or the message alone
// where there is no template.
func (c *conversation) prompt(text string) ([]int32, error) {
	plain, err := c.tokens.Encode(text, tokenizer.Options{})
	if err != nil {
		return nil, err
	}
	parsed, err := c.tokens.Encode(text, tokenizer.Options{Parse: true})
	if err != nil {
		return nil, err
	}
	if !slices.Equal(plain, parsed) && c.template != "" {
		return nil, errors.New("the message has a special token in it, which would be taken for what it says: write it with a space in between")
	}
	if s := c.tokens.Forged(text, c.template); s != "" {
		return nil, fmt.Errorf("the message has %q in it, which would be taken for what it says: write it with a space in between", s)
	}
	if c.template == "" {
		return c.tokens.Encode(text, tokenizer.Options{Add: true})
	}
	c.messages = append(c.messages, message{"user", text})
	list, err := json.Marshal(c.messages)
	if err != nil {
		return nil, err
	}
	all, err := chat.Render(c.template, chat.Input{Messages: list, Generate: true, Tokens: c.tokens.Tokens(), Now: time.Now()})
	if err != nil {
		return nil, err
	}
	return c.tokens.Encode(all, tokenizer.Options{Parse: true})
}

// writer writes tokens as text as soon as their characters are whole.
type writer struct {
	to     io.Writer
	tokens *tokenizer.Tokenizer
	ids    []int32
	text   string // written so far
	err    error
}

// add takes one more token and says whether more can be written.
func (w *writer) add(id int32) bool {
	w.ids = append(w.ids, id)
	w.show(w.tokens.Decode(w.ids, true), false)
	return w.err == nil
}

// show writes what a text has beyond what was written. A character that is not
// whole yet shows as U+FFFD at the end.
func (w *writer) show(text string, last bool) {
	if !last && strings.HasSuffix(text, "\ufffd") || len(text) <= len(w.text) {
		return
	}
	_, w.err = io.WriteString(w.to, text[len(w.text):])
	w.text = text
}

func (w *writer) end() {
	w.show(w.tokens.Decode(w.ids, true), true)
	if w.err == nil {
		_, w.err = io.WriteString(w.to, "\n")
	}
}
