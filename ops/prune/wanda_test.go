package prune

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor/kernel"
	"pgregory.net/rapid"
)

// TestWandaRows: rows lose what a stable sort by score puts first, whatever the
// scores, equal ones included; what stays is unchanged. The published procedure
// as a whole is held in cmd/roux.
func TestWandaRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(t, "n")
		row := rapid.SliceOfN(rapid.Float32Range(-3, 3), n, n).Draw(t, "row")
		norms := rapid.SliceOfN(rapid.SampledFrom([]float32{0, 0.5, 1, 40}), n, n).Draw(t, "norms")
		if rapid.Bool().Draw(t, "coarse") {
			for i := range row {
				row[i] = float32(math.Round(float64(row[i])))
			}
		}
		drop := rapid.IntRange(0, n).Draw(t, "drop")
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		score := func(i int) float32 { return float32(math.Abs(float64(row[i]))) * norms[i] }
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score(a), score(b)) })
		want := slices.Clone(row)
		for _, i := range order[:drop] {
			want[i] = 0
		}
		make(worst, n).zero(row, norms, drop)
		if !slices.Equal(row, want) {
			t.Fatalf("got %v, want %v", row, want)
		}
	})
}

// TestWandaRefuses: an input without statistics, of other width, of an expert
// that nobody used, or a weight stored the other way round.
func TestWandaRefuses(t *testing.T) {
	info := opstest.Random(1)[1].Info
	for says, change := range map[string]func(s *ops.Stats){
		"stored [in, out]":                func(s *ops.Stats) { s.Transposed = true },
		"no token of the data was routed": func(s *ops.Stats) { s.Rows = 0 },
		"input 3 channels":                func(s *ops.Stats) { s.Columns = kernel.NewColumns(3) },
	} {
		s := opstest.Stats(info)
		change(s)
		_, err := channelNorms(s, &ops.Block{Cols: info.Shape.Cols()})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	if _, err := channelNorms(nil, &ops.Block{}); err == nil || !strings.Contains(err.Error(), "say calibrate: NAME") {
		t.Errorf("without statistics: %v", err)
	}
}
