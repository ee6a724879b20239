package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/engine/cas"
)

// TestAlike: entries of one label are one line with the bytes of all, in the
// order of their latest use.
func TestAlike(t *testing.T) {
	type line struct {
		label string
		size  int64
		count int
	}
	var got []line
	for _, g := range alike([]cas.Entry{{Label: "a", Size: 1}, {Label: "b", Size: 10}, {Label: "c", Size: 100}, {Label: "a", Size: 2}}) {
		got = append(got, line{g.Label, g.Size, g.count})
	}
	if d := cmp.Diff([]line{{"b", 10, 1}, {"c", 100, 1}, {"a", 3, 2}}, got, cmp.AllowUnexported(line{})); d != "" {
		t.Error(d)
	}
}
