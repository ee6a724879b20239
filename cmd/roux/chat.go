package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/loaders/all"
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
			"A model whose tokenizer has no chat template, or any with --raw, continues each line as a text of its own. Special tokens in a message are refused. On a terminal Ctrl-C cuts an answer short, and Ctrl-D ends the conversation.",
		Example: "  roux chat testdata/models/lists --prompt 'sort e b g h :' --max-tokens 8\n  roux chat HuggingFaceTB/SmolLM2-135M-Instruct --temperature 0.7 --seed 1",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if err := f.check(cmd.Flags().Changed); err != nil {
				return usageError{err}
			}
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
			if in := cmd.InOrStdin(); !isTerminal(in) || !isTerminal(cmd.ErrOrStderr()) {
				return c.lines(cmd.Context(), in)
			}
			return c.talk(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr())
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

// check refuses flags that mean nothing.
func (f *chatFlags) check(given func(string) bool) error {
	switch {
	case given("prompt") && strings.TrimSpace(f.prompt) == "":
		return errors.New("--prompt is empty: write a message, or leave it out and give messages by standard input")
	case f.limit < 1:
		return fmt.Errorf("--max-tokens %d: give 1 or more", f.limit)
	case f.workers < 0:
		return fmt.Errorf("--workers %d: give 1 or more, or 0 for one a core", f.workers)
	case !(f.temperature >= 0) || math.IsInf(f.temperature, 0): // NaN too
		return fmt.Errorf("--temperature %v: give 0 or more", f.temperature)
	case f.topK < 0:
		return fmt.Errorf("--top-k %d: give 1 or more, or 0 for all", f.topK)
	case !(f.topP >= 0 && f.topP <= 1):
		return fmt.Errorf("--top-p %v: give a share from 0 to 1", f.topP)
	}
	for _, name := range []string{"top-k", "top-p", "seed"} {
		if given(name) && f.temperature == 0 {
			return fmt.Errorf("--%s means nothing where the likeliest token is taken: say --temperature as well, such as 0.7", name)
		}
	}
	return nil
}
