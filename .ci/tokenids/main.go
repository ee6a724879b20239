// Command tokenids encodes lines of JSON strings with a tokenizer.json and
// prints what it did as JSON, for .ci/tokenids.py to compare:
//
//	tokenids tokenizer.json tokenizer.json [parse] [add] < strings > results
//
// or renders chat templates:
//
//	tokenids chat < [{"template": ..., "vars": {...}}] > [{"text": ..., "error": ...}]
//
// or takes many tokenizers, each with texts of its own (see manyCase):
//
//	tokenids many < cases > results
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/loaders/tokenizer/chat"
	"github.com/rouxml/roux/tensor"
)

type result struct {
	IDs     []int32  `json:"ids"`
	Fast    bool     `json:"fast"` // Encode and EncodeWithOffsets agree
	Offsets [][2]int `json:"offsets"`
	Text    string   `json:"text"`
	Skipped string   `json:"skipped"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "chat" {
		return render()
	}
	if len(args) == 1 && args[0] == "many" {
		return many()
	}
	t, err := tokenizer.Open([]tensor.File{{Name: args[1], Path: args[0]}})
	if err != nil {
		return err
	}
	o := tokenizer.Options{Parse: slices.Contains(args, "parse"), Add: slices.Contains(args, "add")}
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	out := json.NewEncoder(w)
	for in.More() {
		var s string
		if err := in.Decode(&s); err != nil {
			return err
		}
		r, err := one(t, s, o)
		if err != nil {
			return fmt.Errorf("%q: %w", s, err)
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return w.Flush()
}

func one(t *tokenizer.Tokenizer, s string, o tokenizer.Options) (result, error) {
	e, err := t.EncodeWithOffsets(s, o)
	if err != nil {
		return result{}, err
	}
	ids, err := t.Encode(s, o)
	r := shown(e)
	r.Fast, r.Text, r.Skipped = slices.Equal(ids, e.IDs), t.Decode(e.IDs, false), t.Decode(e.IDs, true)
	return r, err
}

func shown(e tokenizer.Encoding) result {
	r := result{IDs: e.IDs, Offsets: make([][2]int, 0, len(e.Offsets))}
	for _, p := range e.Offsets {
		r.Offsets = append(r.Offsets, [2]int{p.Start, p.End})
	}
	return r
}

func render() error {
	var cases []struct {
		Template string
		Vars     map[string]json.RawMessage
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		return err
	}
	type rendered struct {
		Text  string `json:"text"`
		Error string `json:"error"`
	}
	var out []rendered
	for _, c := range cases {
		text, err := chat.Render(c.Template, chat.Input{Extra: c.Vars})
		r := rendered{Text: text}
		if err != nil {
			r.Error = err.Error()
		}
		out = append(out, r)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
