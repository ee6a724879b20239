package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/loaders/tokenizer/chat"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/rng"
)

// chatFlags are what a conversation is made with.
type chatFlags struct {
	adapter, prompt, system string
	limit, topK, workers    int
	temperature, topP       float64
	seed                    uint64
	raw                     bool
}

func newChat() *cobra.Command {
	var f chatFlags
	cmd := &cobra.Command{
		Use: "chat MODEL", Short: "Talk with a model",
		Long: "Talk with a model: each line of standard input is a message, and the answer is written as it comes. Without --temperature the likeliest token is taken. " +
			"A model whose tokenizer has no chat template, or any with --raw, continues each line as a text of its own. Special tokens in a message are refused.",
		Example: "  roux chat testdata/models/lists --prompt 'sort e b g h :' --max-tokens 8\n  roux chat HuggingFaceTB/SmolLM2-135M-Instruct --temperature 0.7 --seed 1",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			m, closer, err := all.Open(cmd.Context(), modelRef(list[0], f.adapter), hubClient())
			if err != nil {
				return usageError{err}
			}
			defer func() { _ = closer.Close() }() // read-only
			c, err := f.start(m, cmd.OutOrStdout())
			if err != nil {
				return fmt.Errorf("%s: %w", list[0], err)
			}
			if f.prompt != "" {
				return c.turn(cmd.Context(), f.prompt)
			}
			return c.lines(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr())
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.adapter, "adapter", "", "LoRA adapter to apply first")
	fs.StringVarP(&f.prompt, "prompt", "p", "", "answer this and end")
	fs.StringVar(&f.system, "system", "", "message of the system, before all others")
	fs.IntVar(&f.limit, "max-tokens", 256, "longest answer")
	fs.IntVar(&f.topK, "top-k", 0, "draw among so many of the likeliest tokens (default: all)")
	fs.Float64Var(&f.topP, "top-p", 0, "draw among the likeliest tokens that have this share together (default: all)")
	fs.Float64Var(&f.temperature, "temperature", 0, "how freely tokens are drawn; 0 takes the likeliest")
	fs.Uint64Var(&f.seed, "seed", 0, "seed of the draws")
	fs.IntVar(&f.workers, "workers", 0, "goroutines that compute (default: one a core)")
	fs.BoolVar(&f.raw, "raw", false, "continue each line as a text, without the chat template")
	return cmd
}

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
	c := &conversation{flags: f, out: out, model: model, tokens: t, cache: model.NewCache(0), ends: slices.Concat(t.Ends(), model.Arch().Ends)}
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

// lines answers each line until there are no more.
func (c *conversation) lines(ctx context.Context, in io.Reader, prompt io.Writer) error {
	ask := func() {
		if isTerminal(prompt) {
			_, _ = fmt.Fprint(prompt, "> ")
		}
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for ask(); s.Scan(); ask() {
		if strings.TrimSpace(s.Text()) == "" {
			continue
		}
		if err := c.turn(ctx, s.Text()); err != nil {
			return err
		}
	}
	return s.Err()
}

// turn answers one message and remembers both.
func (c *conversation) turn(ctx context.Context, text string) error {
	ids, err := c.prompt(text)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if int(id) >= c.model.Arch().Vocab {
			return fmt.Errorf("token %d is none of the model's %d: the tokenizer does not match the vocabulary", id, c.model.Arch().Vocab)
		}
	}
	w := &writer{to: c.out, tokens: c.tokens}
	sampling := nn.Sampling{Temperature: c.flags.temperature, TopK: c.flags.topK, TopP: c.flags.topP, Key: rng.NewKey(c.flags.seed, "chat", "", "", "")}
	made, err := c.cache.Generate(ctx, c.cache.Resume(ids), c.flags.limit, sampling, func(id int32) bool {
		return slices.Contains(c.ends, id) || !w.add(id)
	})
	if err != nil {
		return err
	}
	c.messages = append(c.messages, message{"assistant", w.text})
	w.end()
	if len(made) == 0 {
		return fmt.Errorf("the conversation fills the model's %d positions", c.model.Arch().Positions)
	}
	return w.err
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
		return nil, fmt.Errorf("chat template: %w", err)
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
