package nn

import (
	"bytes"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// Common beginnings run once, except across groups, and each row is found.
func TestLayOut(t *testing.T) {
	long := func(n int, end ...int32) []int32 {
		s := make([]int32, n)
		for i := range s {
			s[i] = int32(i)
		}
		return append(s, end...)
	}
	batch := [][]int32{long(20, 90), long(20, 91), long(20, 91, 92), long(12, 7), long(5, 80), long(20, 90), long(20, 90)}
	for _, c := range []struct {
		groupRows, rows, groups int
		share                   bool
	}{
		{1000, 21 + 1 + 1 + 1 + 6 + 21 + 1, 1, true},
		{1000, 21 + 21 + 22 + 13 + 6 + 21 + 21, 1, false},
		{40, 21 + 1 + 1 + 1 + 6 + 21 + 1, 2, true},
		{20, 21 + 21 + 22 + 13 + 6 + 21 + 21, 6, false},
	} {
		p := layOut(batch, c.groupRows, c.share)
		if p.rows != c.rows || len(p.groups) != c.groups {
			t.Errorf("%+v: %d rows in %d groups", c, p.rows, len(p.groups))
		}
		token := map[int]int32{}
		for _, g := range p.groups {
			for _, s := range g.segments {
				for i, id := range s.tokens {
					token[s.row+i] = id
				}
			}
		}
		for i, seq := range batch {
			for at, id := range seq {
				if got := token[p.rowOf(i, at)]; got != id {
					t.Fatalf("%+v: token %d of sequence %d is %d, want %d", c, at, i, got, id)
				}
			}
		}
	}
}

// A sequence has its bits in whatever group it falls.
func TestGroups(t *testing.T) {
	g := goldens(t)["gemma3"]
	m := open(t, g, tensor.BF16, Options{})
	var batch [][]int32
	for i := range 70 {
		batch = append(batch, append([]int32{int32(i % 3)}, g.Answers[0].Tokens...))
	}
	if p := layOut(batch, GroupRows, true); len(p.groups) < 2 {
		t.Fatal("only one group")
	}
	if !bytes.Equal(allRows(t, m, batch, 68), allRows(t, m, batch[68:69], 0)) {
		t.Error("other bits in the second group")
	}
}
