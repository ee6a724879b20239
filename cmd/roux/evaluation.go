package main

import (
	"context"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/data"
	"github.com/rouxml/roux/loaders/gguf/logits"
	"github.com/rouxml/roux/loaders/hub"
	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// openTokenizer opens the tokenizer among a model's files.
func openTokenizer(files []tensor.File) (ops.Tokenizer, error) {
	t, err := tokenizer.Open(files)
	if err != nil {
		return nil, err
	}
	return tokens{t}, nil
}

// tokens is a tokenizer as ops see it.
type tokens struct{ *tokenizer.Tokenizer }

// Encode returns tokens and where each ends; special tokens beside the text end
// where the token before them does.
func (t tokens) Encode(text string, o ops.Encoding) ([]int32, []int, error) {
	e, err := t.EncodeWithOffsets(text, tokenizer.Options{Add: o.Add, Parse: o.Parse})
	if err != nil {
		return nil, nil, err
	}
	ends, last := make([]int, len(e.IDs)), 0
	for i, at := range e.Offsets {
		last = max(last, at.End)
		ends[i] = last
	}
	return e.IDs, ends, nil
}

// Decode returns the text of tokens without special ones.
func (t tokens) Decode(ids []int32) string { return t.Tokenizer.Decode(ids, true) }

// asked is what an entry says of how much is taken.
func asked(d recipes.Data) *ops.Data {
	out := &ops.Data{Name: d.Name, Pos: d.Pos, Length: d.Length, Samples: d.Samples, Special: d.Special}
	if d.Seed != nil {
		out.Drawn, out.Seed = true, *d.Seed
	}
	return out
}

// readLogits opens the saved predictions of a reference model.
func readLogits(d recipes.Data) (*ops.Data, string, error) {
	f, err := logits.Open(d.Logits)
	if err != nil {
		return nil, "", err
	}
	id, err := f.FileID()
	out := asked(d)
	out.Saved = f
	return out, "logits " + id, err
}

// readData reads an entry of a recipe's data.
func readData(client hub.Client) func(context.Context, recipes.Data, int64) (*ops.Data, string, error) {
	return func(ctx context.Context, d recipes.Data, memory int64) (*ops.Data, string, error) {
		if d.Logits != "" {
			return readLogits(d)
		}
		if d.Imatrix != nil {
			return readImatrix(d)
		}
		q := data.Request{Field: d.Field, Task: d.Task != "", Memory: memory,
			Questions: data.Questions{DocToText: d.DocToText, DocToChoice: d.DocToChoice, DocToTarget: d.DocToTarget, Fewshot: d.Fewshot}}
		set, err := all.Data(ctx, all.DataRef{Path: d.Text + d.Task, Revision: d.Revision, Files: d.Files}, q, client)
		if err != nil {
			return nil, "", err
		}
		out := asked(d)
		out.Texts, out.Rows = set.Texts, set.Rows
		for _, item := range set.Items {
			out.Items = append(out.Items, ops.Item(item))
		}
		return out, set.Digest, nil
	}
}
