package imatrix

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAdd: sums and counts add up, as do those of the older form, whose one count
// is that of every expert; what only one has stays.
func TestAdd(t *testing.T) {
	m, old := sample(), &Matrix{Chunks: 3, ChunkSize: 512, Datasets: []string{"c.txt"}, Entries: []Entry{
		{Name: "blk.1.ffn_down_exps.weight", Sums: []float32{1, 2, 3, 4, 5, 6}, Counts: []int64{1536}},
		{Name: "blk.2.attn_q.weight", Sums: []float32{7}, Counts: []int64{9}},
	}}
	if err := m.Add(old); err != nil {
		t.Fatal(err)
	}
	want := &Matrix{Chunks: 5, ChunkSize: 512, Datasets: []string{"a.txt", "wiki.train.raw", "c.txt"}, Entries: []Entry{
		{Name: "blk.0.attn_q.weight", Sums: []float32{2048, 512, 256}, Counts: []int64{1024}},
		{Name: "blk.1.ffn_down_exps.weight", Sums: []float32{1025, 2, 515, 7, 5, 6}, Counts: []int64{2560, 2048, 1536}},
		{Name: "blk.2.attn_q.weight", Sums: []float32{7}, Counts: []int64{9}},
	}}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	for says, e := range map[string]Entry{
		"has 3 sums in one and 2 in the other":   {Name: "blk.0.attn_q.weight", Sums: []float32{1, 2}, Counts: []int64{1}},
		"has 3 counts in one and 2 in the other": {Name: "blk.1.ffn_down_exps.weight", Sums: make([]float32, 6), Counts: []int64{1, 2}},
	} {
		if err := sample().Add(&Matrix{Entries: []Entry{e}}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	half := sample()
	half.ChunkSize = 256
	if err := half.Add(sample()); err != nil || half.Chunks != 3 || half.ChunkSize != 512 {
		t.Errorf("%d chunks of %d: %v", half.Chunks, half.ChunkSize, err)
	}
}
