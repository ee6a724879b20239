package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// The limits of BenchmarkForward: how many tokens a second, as a share of the
// others' in the same precision.
const (
	ofTorch = 1.3
	ofLlama = 0.9
)

// BenchmarkForward prints tokens a second of perplexities, of single tokens and
// of multiple choice, and peaks of memory, beside those of transformers with
// torch and of llama.cpp on the same cores; what is absent is skipped with a
// word. A number is the best of ROUX_BENCH_ROUNDS in turn, 2 if that is not set. It fails where a limit
// does not hold. With ROUX_BENCH_CPU=1 seconds are the processor's, for a
// machine that does other work as well. Models are made in ROUX_BENCH_DIR, if
// that is set, and stay there.
func BenchmarkForward(b *testing.B) {
	f := newForward(b)
	// A process begins with the peak of the one that started it: before this one
	// has grown, others can be looked at.
	b.Run("memory", f.memory)
	b.Run("seven-billion", f.sevenBillion)
	b.Run("perplexity", f.perplexities)
	b.Run("single-tokens", f.singleTokens)
	b.Run("choices", f.choices)
}

// forward is a model of SmolLM2-135M's shape, the real one in GGUF where that is
// in reach, and the others.
type forward struct {
	dir, smol string
	files     map[string]string // GGUF, by what the matrices are stored as
	rival     *rival
	rounds    int
}

func newForward(b *testing.B) *forward {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("ROUX_BENCH_ROUNDS"), "2"))
	if err != nil || rounds < 1 {
		b.Fatalf("ROUX_BENCH_ROUNDS is %q: give a number of rounds", os.Getenv("ROUX_BENCH_ROUNDS"))
	}
	f := &forward{dir: os.Getenv("ROUX_BENCH_DIR"), rounds: rounds}
	if f.dir == "" {
		f.dir = b.TempDir()
	}
	f.smol = filepath.Join(f.dir, "smol")
	bareModel(b, f.smol, llama{576, 30, 1536, 9, 192, 49152}, true)
	f.rival = startRival(b)
	if answer := f.rival.ask("models", f.dir); !strings.HasPrefix(answer, "skip") {
		if err := json.Unmarshal([]byte(answer), &f.files); err != nil {
			b.Fatalf("%v: %s", err, answer)
		}
	} else {
		fmt.Println("GGUF:", answer)
	}
	return f
}

// against is what one run of roux is held to.
type against struct {
	model string // "smol", or a kind of GGUF
	kind  string // torch or llama
	with  string // its number format, or the kind of GGUF
	note  string
	limit float64 // 0: another precision
}

var comparisons = []against{
	{"smol", "torch", "float32", "torch in float32", ofTorch},
	{"smol", "torch", "bfloat16", "torch in bfloat16: rounds to 8 bits what it multiplies", 0},
	{"F32", "llama", "F32", "llama.cpp, F32", ofLlama},
	{"BF16", "llama", "BF16", "llama.cpp, BF16: may round to 8 bits what it multiplies", 0},
	{"Q8_0", "llama", "Q8_0", "llama.cpp, Q8_0: rounds what it multiplies to 8-bit integers", 0},
	{"Q4_1", "llama", "Q4_1", "llama.cpp, Q4_1: rounds what it multiplies to 8-bit integers", 0},
}

func (f *forward) perplexities(b *testing.B) {
	fmt.Printf("%-10s %-6s %10s %10s %7s %6s  %s\n", "8 windows", "model", "roux tok/s", "theirs", "ratio", "limit", "who")
	for _, length := range []int{512, 2048} {
		batch := someWindows(8, length)
		held := map[string]float64{} // roux's seconds by model
		for _, c := range comparisons {
			m := f.open(b, c.model, false)
			if m == nil {
				continue
			}
			ours, theirs, word := math.Inf(1), math.Inf(1), ""
			few := max(1, 2048/length)
			for range f.rounds {
				if held[c.model] == 0 {
					ours = min(ours, seconds(func() { scored(b, m, batch, nil) }))
				}
				s, skip := f.rival.measure(c.kind, f.name(c), length, few)
				theirs, word = min(theirs, s*8/float64(few)), skip
			}
			if held[c.model] == 0 {
				held[c.model] = ours
			}
			n := float64(8 * length)
			told(b, fmt.Sprintf("%-10d %-6s", length, c.model), n/held[c.model], n/theirs, c.limit, c.note, word)
		}
	}
	fmt.Println(f.rival.ask("about"))
}

// name is what the other tool is asked for.
func (f *forward) name(c against) string {
	if c.kind == "torch" {
		return c.with
	}
	return f.files[c.with]
}

// told prints a line and holds it to a limit, if there is one.
func told(b *testing.B, what string, ours, theirs, limit float64, note, skip string) {
	if skip != "" {
		fmt.Printf("%s %10.0f  %s\n", what, ours, skip)
		return
	}
	bar := "-"
	if limit > 0 {
		bar = strconv.FormatFloat(limit, 'f', -1, 64)
	}
	fmt.Printf("%s %10.0f %10.0f %7.2f %6s  %s\n", what, ours, theirs, ours/theirs, bar, note)
	if ours/theirs < limit {
		b.Errorf("%s: %.2f, and the limit is %s", what, ours/theirs, bar)
	}
}

// singleTokens is what a conversation runs at. It cannot be faster than memory.
func (f *forward) singleTokens(b *testing.B) {
	const count = 64
	rate := readRate()
	fmt.Printf("\none token after another, at memory's %.0f GB/s\n%-17s %10s %10s %7s\n", rate/1e9, "model", "roux tok/s", "limit", "of it")
	for _, kind := range []string{"smol", "BF16", "Q8_0", "Q4_1"} {
		m := f.open(b, kind, true)
		if m == nil {
			continue
		}
		best, theirs, skip := math.Inf(1), math.Inf(1), "-"
		for range f.rounds {
			c := m.NewCache()
			next(b, c, someWindows(1, count)[0])
			best = min(best, seconds(func() {
				for range count {
					next(b, c, []int32{7})
				}
			}))
			if kind != "smol" {
				theirs, skip = f.rival.measure("llama", f.files[kind], 1, count)
			}
		}
		limit := rate / float64(f.size(b, kind))
		fmt.Printf("%-17s %10.1f %10.1f %7.2f", kind, count/best, limit, count/best/limit)
		if skip == "" {
			fmt.Printf("  llama.cpp %.1f, ratio %.2f", count/theirs, theirs/best)
			if theirs/best < ofLlama {
				b.Errorf("%s, single tokens: %.2f, and the limit is %v", kind, theirs/best, ofLlama)
			}
		}
		fmt.Println()
	}
}

// readRate is how many bytes a second all cores read.
func readRate() float64 {
	const size = 1 << 26
	x := make([]float32, size)
	for i := range x {
		x[i] = 1 // memory that was never written is not read
	}
	best := math.Inf(1)
	for range 4 {
		best = min(best, seconds(func() {
			done := make(chan bool)
			for i := range cpu.Cores() {
				go func() {
					kernel.CountNonFinite(x[size/cpu.Cores()*i : size/cpu.Cores()*(i+1)])
					done <- true
				}()
			}
			for range cpu.Cores() {
				<-done
			}
		}))
	}
	return 4 * size / best
}

// size is how many bytes a token reads: about all of the file.
func (f *forward) size(b *testing.B, kind string) int64 {
	path := f.files[kind]
	if kind == "smol" {
		path = filepath.Join(f.smol, "model.safetensors")
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// choices scores questions of four choices behind 24 common tokens. What does not
// lie side by side shares nothing.
func (f *forward) choices(b *testing.B) {
	const items, some, question, choices = 1000, 200, 24, 4
	m := f.open(b, "smol", false)
	var together, apart [][]int32
	from := make([]int, items*choices)
	for i := range items * choices {
		seq := append(someWindows(1, question)[0], int32(i), int32(i%choices))
		seq[0] = int32(i / choices)
		from[i] = question
		together = append(together, seq)
	}
	for i := range some * choices {
		apart = append(apart, together[i%some*choices+i/some])
	}
	shared := seconds(func() { scored(b, m, together, from) })
	alone := seconds(func() { scored(b, m, apart, from[:len(apart)]) })
	fmt.Printf("\nmultiple choice, %d items of %d choices of 2 tokens behind %d: %.1f items/s, %.1f without sharing (of %d), ratio %.2f\n",
		items, choices, question, items/shared, some/alone, some, alone/some*items/shared)
}

// open opens a model; a GGUF that is out of reach is nil.
func (f *forward) open(b *testing.B, kind string, resident bool) *nn.Model {
	path := f.files[kind]
	if kind == "smol" {
		path = f.smol
	}
	if path == "" {
		return nil
	}
	m, closer, err := all.Open(context.Background(), modelRef(path, ""), hubClient())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = closer.Close() }) // read-only
	model, err := nn.Open(m.Weights, m.Config, nn.Options{Resident: resident})
	if err != nil {
		b.Fatal(err)
	}
	return model
}

func scored(b *testing.B, m *nn.Model, batch [][]int32, from []int) {
	if _, err := m.Score(b.Context(), batch, from); err != nil {
		b.Fatal(err)
	}
}

func next(b *testing.B, c *nn.Cache, tokens []int32) {
	if _, err := c.Next(b.Context(), tokens); err != nil {
		b.Fatal(err)
	}
}

// someWindows are n windows without common beginnings.
func someWindows(n, length int) (batch [][]int32) {
	for i := range n {
		w := make([]int32, length)
		for j := range w {
			w[j] = int32((j*7919 + 101*i + 11) % 49152)
		}
		batch = append(batch, w)
	}
	return batch
}
