// Command ggufcheck shows what roux reads in a GGUF file, for
// .ci/oracle_gguf.py to compare:
//
//	ggufcheck tensors FILE > a line of JSON for each tensor: name, sha256 of its float32 values
//	ggufcheck tiny DIR writes small models of all architectures, and LOGITS of each
//	ggufcheck logits FILE LOGITS < [text, ...] > [{"ids": [...], "logprobs": [...]}, ...]
//
// Logits of all positions, in float32, go to the file LOGITS.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/gguf/gguftest"
	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "tensors":
		return tensors(args[1])
	case len(args) == 2 && args[0] == "tiny":
		return tiny(args[1])
	case len(args) == 3 && args[0] == "logits":
		return logits(args[1], args[2])
	}
	return errors.New("usage: ggufcheck tensors FILE | tiny DIR | logits FILE LOGITS")
}

func tensors(path string) error {
	f, err := gguf.OpenFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	out := json.NewEncoder(os.Stdout)
	for _, info := range f.Infos() {
		t, _ := f.Tensor(info.Name)
		raw, x := make([]byte, info.Bytes()), make([]float32, info.Shape.Numel())
		if _, err := t.ReadAt(raw, 0); err != nil {
			return err
		}
		if err := codec.DecodeRows(x, raw, info); err != nil {
			return err
		}
		b := make([]byte, 4*len(x))
		if err := codec.FromF32(b, x, tensor.F32); err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		if err := out.Encode(map[string]any{"name": info.Name, "sha256": hex.EncodeToString(sum[:])}); err != nil {
			return err
		}
	}
	return nil
}

// tiny writes NAME.gguf and NAME.logits, those behind each of the tokens.
func tiny(dir string) error {
	for _, t := range gguftest.Tinies() {
		path := filepath.Join(dir, t.Name+".gguf")
		if err := os.WriteFile(path, t.Bytes(), 0o644); err != nil {
			return err
		}
		m, closer, err := gguf.Open(context.Background(), path)
		if err != nil {
			return err
		}
		model, err := nn.Open(m.Weights, m.Config, nn.Options{})
		if err == nil {
			err = write(filepath.Join(dir, t.Name+".logits"), model)
		}
		if err := errors.Join(err, closer.Close()); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}

func write(path string, model *nn.Model) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	_, err = score(model, gguftest.Tokens, w)
	return errors.Join(err, w.Flush(), f.Close())
}

type result struct {
	IDs      []int32   `json:"ids"`
	Logprobs []float64 `json:"logprobs"`
}

func logits(path, to string) error {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return err
	}
	m, closer, err := gguf.Open(context.Background(), path)
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()
	t, err := tokenizer.Open(m.Files)
	if err != nil {
		return err
	}
	model, err := nn.Open(m.Weights, m.Config, nn.Options{})
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	results := make([]result, len(texts))
	for i, text := range texts {
		if results[i].IDs, err = t.Encode(text, tokenizer.Options{Add: true}); err == nil {
			results[i].Logprobs, err = score(model, results[i].IDs, w)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	return errors.Join(w.Flush(), f.Close(), json.NewEncoder(os.Stdout).Encode(results))
}

// score writes the logits behind each token and returns the log probabilities
// of all tokens but the first.
func score(model *nn.Model, ids []int32, w *bufio.Writer) ([]float64, error) {
	batch := [][]int32{ids}
	scores, err := model.Score(context.Background(), batch, nil)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, s := range scores[0] {
		out = append(out, s.LogProb)
	}
	states, err := model.Run(context.Background(), batch, nn.Hooks{})
	if err != nil {
		return nil, err
	}
	z := make([]float32, model.Arch().Vocab)
	b := make([]byte, 4*len(z))
	for p := range ids {
		if err := states.Logits(z, 0, p); err != nil {
			return nil, err
		}
		if err := codec.FromF32(b, z, tensor.F32); err != nil {
			return nil, err
		}
		if _, err := w.Write(b); err != nil {
			return nil, err
		}
	}
	return out, states.Close()
}
