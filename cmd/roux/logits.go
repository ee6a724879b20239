package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/gguf/logits"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/evaluate"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// logitsFlags say what is predicted and with what means.
type logitsFlags struct {
	adapter, out, memory    string
	data                    recipes.DataParams
	workers, length, chunks int
}

func newLogits() *cobra.Command {
	var f logitsFlags
	cmd := &cobra.Command{
		Use: "logits MODEL", Short: "Save what a model predicts of a text",
		Long: "Save what a model predicts of a text, in the file of llama-perplexity --kl-divergence-base: the text is cut in chunks, and for the second half of each the log probabilities of all tokens are kept in 16 bits. " +
			"llama-perplexity --kl-divergence takes the file for a reference, and so does evaluate.kl, as data with logits.",
		Example: "  roux logits testdata/models/base --text testdata/data/short.txt --length 128 --out base.kld",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if f.data.Text == "" || f.out == "" {
				return usageError{errors.New("say --text FILE and --out FILE")}
			}
			if _, err := os.Lstat(f.out); !errors.Is(err, os.ErrNotExist) {
				return usageError{cmp.Or(err, fmt.Errorf("--out %s exists: choose another path, or remove it", f.out))}
			}
			m, closer, err := all.Open(cmd.Context(), modelRef(list[0], f.adapter), hubClient())
			if err != nil {
				return usageError{err}
			}
			defer func() { _ = closer.Close() }() // read-only
			x, err := f.trial(cmd.Context(), list[0], m)
			if err != nil {
				return err
			}
			to := &logitsFile{path: f.out}
			if err := evaluate.Predict(cmd.Context(), x, to); err != nil {
				return errors.Join(err, to.discard())
			}
			if err := to.w.Commit(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d chunks of %d tokens, %d rows of %d\n", f.out, to.w.Chunks, to.w.Context, to.w.Chunks*to.w.Rows(), to.w.Vocab)
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.data.Text, "text", "", "text file, or table or data set of the Hub with --field")
	fs.StringVar(&f.data.Field, "field", "text", "column of a table that holds the text")
	fs.StringVarP(&f.out, "out", "o", "", "file to write")
	fs.StringVar(&f.adapter, "adapter", "", "LoRA adapter to apply first")
	fs.IntVar(&f.length, "length", 512, "tokens of a chunk")
	fs.IntVar(&f.chunks, "chunks", 0, "how many of the first chunks (default: all)")
	fs.StringVar(&f.memory, "memory", "2GB", "memory budget")
	fs.IntVar(&f.workers, "workers", 0, "goroutines that compute (default: one a core)")
	return cmd
}

// trial is the model over the text.
func (f *logitsFlags) trial(ctx context.Context, name string, m *tensor.Model) (*ops.Trial, error) {
	memory, err := schema.ParseBytes(f.memory)
	if err != nil {
		return nil, usageError{fmt.Errorf("--memory: %w", err)}
	}
	if f.length < 1 || f.chunks < 0 || f.workers < 0 {
		return nil, usageError{errors.New("--length, --chunks and --workers are numbers of 1 or more")}
	}
	f.data.Length, f.data.Samples = f.length, f.chunks
	data, _, err := readData(hubClient())(ctx, recipes.Data{Name: "--text", Pos: schema.Pos{File: f.data.Text, Line: 1, Column: 1}, DataParams: f.data}, memory)
	if err != nil {
		return nil, usageError{err}
	}
	h := ops.NewHeader(name, m.Weights.Infos(), m)
	h.Tokenizer = func() (ops.Tokenizer, error) { return openTokenizer(m.Files) }
	// Half of the budget is the kernel's, as in a run.
	x := &ops.Trial{Models: []ops.Subject{{Header: h, Weights: m.Weights}}, Data: []*ops.Data{data}, Workers: f.workers, Memory: memory / 2}
	if x.Workers == 0 {
		x.Workers = cpu.Cores()
	}
	return x, nil
}

// logitsFile begins its file when it is known what will stand in it.
type logitsFile struct {
	path string
	w    *logits.Writer
}

// Begin makes the file.
func (f *logitsFile) Begin(context, vocab, chunks int, tokens []int32) (err error) {
	f.w, err = logits.Create(f.path, logits.Shape{Context: context, Vocab: vocab, Chunks: chunks}, tokens)
	return err
}

// Row writes a row.
func (f *logitsFile) Row(chunk, row int, z []float32) error { return f.w.Row(chunk, row, z) }

func (f *logitsFile) discard() error {
	if f.w == nil {
		return nil
	}
	return f.w.Discard()
}
