package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/gguf/gguftest"
	"github.com/rouxml/roux/ops/nn"
)

// halfGelu are families whose gelu llama.cpp takes from a table of half
// precision.
var halfGelu = map[string]bool{"gemma": true, "gemma2": true, "gemma3": true, "gpt2": true, "gptneox": true}

// TestGGUFLogits: the file of a tiny model of every architecture, opened and run
// forward, gives the logits that llama.cpp computes from it
// (.ci/oracle_gguf.py, xllamacpp 2026.10, float32 throughout). A rotation of
// other pairs, a norm off by one or a wrong constant of a family would show.
func TestGGUFLogits(t *testing.T) {
	text, err := os.ReadFile("../../testdata/gguf/logits.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string][]float64
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for _, tiny := range gguftest.Tinies() {
		t.Run(tiny.Name, func(t *testing.T) {
			want, got := golden[tiny.Name], tinyLogits(t, tiny)
			if len(got) != len(want) {
				t.Fatalf("%d logits, and the golden ones are %d", len(got), len(want))
			}
			most, square := 0.0, 0.0
			for i, w := range want {
				most = max(most, math.Abs(w-float64(got[i])))
				square += w * w
			}
			limit := 1e-5
			if family, _, _ := strings.Cut(tiny.Name, "-"); halfGelu[family] {
				limit = 3e-3
			}
			if rms := math.Sqrt(square / float64(len(want))); !(most <= limit*rms) {
				t.Errorf("logits differ by %.2g of their size", most/rms)
			}
		})
	}
}

// tinyLogits opens a model and runs it.
func tinyLogits(t *testing.T, tiny gguftest.Tiny) []float32 {
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, tiny.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	m, closer, err := gguf.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closer.Close() }()
	for _, note := range m.Notes {
		if strings.Contains(note, "ggml's") {
			t.Error(note)
		}
	}
	model, err := nn.Open(m.Weights, m.Config, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	states, err := model.Run(context.Background(), [][]int32{gguftest.Tokens}, nn.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = states.Close() }()
	positions := make([]int, len(gguftest.Tokens))
	for i := range positions {
		positions[i] = i
	}
	z := make([]float32, len(positions)*gguftest.TinyVocab)
	if err := states.Logits(z, 0, positions...); err != nil {
		t.Fatal(err)
	}
	return z
}
