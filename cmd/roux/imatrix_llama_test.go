package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/gguf/gguftest"
	"github.com/rouxml/roux/loaders/gguf/imatrix"
	"github.com/rouxml/roux/ops"
)

// llamaSums is what llama.cpp's graph came to for one weight: by expert the sum
// of squares of all channels, and of four of them.
type llamaSums struct {
	Counts []int64
	Sums   [][]float64
}

var shownChannels = []int{0, 7, 19, 31}

// TestImatrixAsLlama: an importance matrix of a small model of each architecture
// has the names, counts and sums that llama.cpp has for it (.ci/oracle_gguf.py),
// which takes gelu from a table of half precision.
func TestImatrixAsLlama(t *testing.T) {
	text, err := os.ReadFile("../../testdata/gguf/imatrix.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string]llamaSums
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for _, tiny := range gguftest.Tinies() {
		t.Run(tiny.Name, func(t *testing.T) {
			m := matrixOf(t, tiny)
			if len(m.Entries) != len(golden[tiny.Name]) {
				t.Errorf("%d weights, llama.cpp has %d", len(m.Entries), len(golden[tiny.Name]))
			}
			for _, e := range m.Entries {
				want, ok := golden[tiny.Name][e.Name]
				if !ok || fmt.Sprint(want.Counts) != fmt.Sprint(e.Counts) {
					t.Errorf("%s: counts %v, llama.cpp has %v", e.Name, e.Counts, want.Counts)
					continue
				}
				for expert, sums := range want.Sums {
					compareSums(t, tiny.Name, e, expert, sums)
				}
			}
		})
	}
}

func compareSums(t *testing.T, family string, e imatrix.Entry, expert int, want []float64) {
	near := 2e-5
	if family, _, _ := strings.Cut(family, "-"); halfGelu[family] {
		near = 5e-3
	}
	row, total := e.Sums[expert*e.Columns():(expert+1)*e.Columns()], 0.0
	for _, v := range row {
		total += float64(v)
	}
	got := []float64{total}
	for _, j := range shownChannels {
		got = append(got, float64(row[j]))
	}
	for i, v := range got {
		// A channel's error is about that of the rows, and not its own size.
		if scale := math.Max(math.Abs(want[i]), want[0]/float64(len(row))); math.Abs(v-want[i]) > near*scale {
			t.Errorf("%s, expert %d: number %d is %v, llama.cpp has %v", e.Name, expert, i, v, want[i])
		}
	}
}

// matrixOf gathers the importance matrix of a small model over its text.
func matrixOf(t *testing.T, tiny gguftest.Tiny) *imatrix.Matrix {
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, tiny.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	m, closer, err := gguf.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	h := ops.NewHeader("m", m.Weights.Infos(), m)
	h.Tokenizer = func() (ops.Tokenizer, error) { return fixed{}, nil }
	j := calib.Job{Model: ops.Subject{Header: h, Weights: m.Weights}, Memory: 1 << 30, Data: &ops.Data{Name: "d", Texts: []string{"-"}, Length: len(gguftest.Tokens)}}
	if j.Linears, err = calib.Linears(h); err != nil {
		t.Fatal(err)
	}
	s := engine.Statistics{Data: "d"}
	for range j.Linears {
		j.Want = append(j.Want, ops.Squares)
	}
	j.Layer = func(_ int, got []calib.Gathered) error {
		for _, g := range got {
			s.Inputs = append(s.Inputs, g.Stats)
		}
		return nil
	}
	if _, err := calib.Run(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	text, err := imatrixFile("m.gguf", s)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := imatrix.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return matrix
}

// fixed is a tokenizer that says the same whatever the text.
type fixed struct{ ops.Tokenizer }

// Encode returns the small models' text.
func (fixed) Encode(string, ops.Encoding) ([]int32, []int, error) {
	return gguftest.Tokens, nil, nil
}
