package engine

import (
	"io"
	"testing"

	"github.com/rouxml/roux/recipes"
)

// TestPlace: an error has the first place that was said, of steps and of inputs:
// what one tensor could not be written for reaches those that come after it.
func TestPlace(t *testing.T) {
	for want, n := range map[string]*node{
		"model base, tensor a: unexpected EOF":           {name: "base"},
		"step cut (edit.cast), tensor a: unexpected EOF": {name: "cut", step: &recipes.Step{Op: "edit.cast"}},
	} {
		if err := n.place("b", n.place("a", io.ErrUnexpectedEOF)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := n.place("a", nil); err != nil {
			t.Errorf("nothing failed: %v", err)
		}
	}
}
