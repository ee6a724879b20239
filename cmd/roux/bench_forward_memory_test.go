package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bareModel writes a model of one file: the same megabyte again and again or, with
// nothing filled, no bytes at all, which read as zeros and take no disk. Its
// tokenizer is that of a tiny model. A model that is there stays.
func bareModel(b *testing.B, dir string, shape llama, filled bool) {
	b.Helper()
	path := filepath.Join(dir, "model.safetensors")
	if _, err := os.Stat(path); err == nil {
		return
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		text, err := os.ReadFile(filepath.Join("../../testdata/models/base", name))
		if err != nil {
			b.Fatal(err)
		}
		put(b, filepath.Join(dir, name), text)
	}
	config := strings.Replace(string(shape.config()), "{", `{"max_position_embeddings":8192,"rms_norm_eps":1e-5,"rope_theta":100000,`, 1)
	put(b, filepath.Join(dir, "config.json"), []byte(strings.Replace(config, `"tie_word_embeddings":false`, `"tie_word_embeddings":true`, 1)))
	head, size := bareHeader(b, shape)
	put(b, path, head)
	if err := os.Truncate(path, int64(len(head))+size); err != nil {
		b.Fatal(err)
	}
	if filled {
		fillBare(b, path, int64(len(head)), size)
	}
}

// bareHeader is the beginning of a safetensors file, and how many bytes follow.
// The head is the embedding.
func bareHeader(b *testing.B, shape llama) ([]byte, int64) {
	entries, at := map[string]any{}, int64(0)
	for _, info := range shape.infos() {
		if info.Name == "lm_head.weight" {
			continue
		}
		entries[info.Name] = map[string]any{"dtype": "BF16", "shape": info.Shape, "data_offsets": []int64{at, at + info.Bytes()}}
		at += info.Bytes()
	}
	text, err := json.Marshal(entries)
	if err != nil {
		b.Fatal(err)
	}
	text = append(text, bytes.Repeat([]byte(" "), -len(text)&7)...)
	return append([]byte{byte(len(text)), byte(len(text) >> 8), byte(len(text) >> 16), 0, 0, 0, 0, 0}, text...), at
}

// fillBare writes bfloat16 from -0.06 to 0.06.
func fillBare(b *testing.B, path string, from, size int64) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	some := make([]byte, 1<<20)
	for i := 0; i < len(some); i += 2 {
		v := uint32(i) * 2654435761
		some[i], some[i+1] = byte(v>>8), 0x3d&^byte(v>>24&1)|byte(v>>23&1)<<7
	}
	for at := int64(0); at < size; at += int64(len(some)) {
		if _, err := file.WriteAt(some[:min(int64(len(some)), size-at)], from+at); err != nil {
			b.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
}

// above is what a process may take above its budget.
const above = 200e6

// memory runs evaluations in small budgets and looks at the peak of the process.
func (f *forward) memory(b *testing.B) {
	fmt.Printf("\n%-34s %10s %10s %10s\n", "evaluate.perplexity of 16384 tokens", "budget MB", "peak MB", "tok/s")
	for _, c := range []struct{ model, memory string }{{f.smol, "256MB"}, {f.smol, "1GB"}, {f.files["Q8_0"], "256MB"}} {
		if c.model != "" {
			f.evaluate(b, c.model, c.memory, 8, 2047)
		}
	}
}

// sevenBillion evaluates models of Llama 2 7B's shape, and of a quarter of its
// layers, within 4 GB: weights that are read are dropped again.
func (f *forward) sevenBillion(b *testing.B) {
	fmt.Printf("\n%-34s %10s %10s %10s\n", "7 B, evaluate.perplexity of 512", "budget MB", "peak MB", "tok/s")
	var peaks []int64
	for _, layers := range []int{8, 32} {
		dir := filepath.Join(f.dir, fmt.Sprint("llama2-7b-", layers, "-layers"))
		bareModel(b, dir, llama{4096, layers, 11008, 32, 4096, 32000}, false)
		peaks = append(peaks, f.evaluate(b, dir, "4GB", 4, 127))
	}
	if grown := peaks[1] - peaks[0]; grown > 100e6 {
		b.Errorf("with four times the layers the peak grows by %d MB", grown/1e6)
	}
}

// evaluate runs roux over so many windows, and returns the peak.
func (f *forward) evaluate(b *testing.B, model, memory string, samples, length int) int64 {
	dir := b.TempDir()
	text, err := os.ReadFile("../../testdata/data/prose.held.txt")
	if err != nil {
		b.Fatal(err)
	}
	put(b, filepath.Join(dir, "text.txt"), bytes.Repeat(text, 4))
	put(b, filepath.Join(dir, "r.yaml"), fmt.Appendf(nil, "roux: 1\nmodels: {m: %s}\ndata: {t: {text: text.txt, length: %d, samples: %d}}\nsteps: {p: {op: evaluate.perplexity, models: [m], data: t}}\n", model, length, samples))
	bin := filepath.Join(f.dir, "roux")
	if _, err := os.Stat(bin); err != nil {
		if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.Cleanup(func() { _ = os.Remove(bin) })
	}
	c := exec.Command(bin, "run", "r.yaml", "-q", "--memory", memory, "--cache", filepath.Join(dir, "cache"))
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	took := seconds(func() { err = c.Run() })
	if err != nil {
		b.Fatalf("%v\n%s", err, stderr.String())
	}
	if os.Getenv("ROUX_BENCH_CPU") != "" {
		took = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	}
	peak := maxRSS(c.ProcessState)
	budget := map[string]int64{"256MB": 256e6, "1GB": 1e9, "4GB": 4e9}[memory]
	fmt.Printf("%-34s %10d %10d %10.0f\n", filepath.Base(model), budget/1e6, peak/1e6, float64(samples*(length+1))/took)
	if peak > budget+above {
		b.Errorf("%s: the peak is %d MB in a budget of %s", filepath.Base(model), peak/1e6, memory)
	}
	return peak
}
