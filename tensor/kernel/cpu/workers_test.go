package cpu

import (
	"context"
	"testing"
)

// TestWorkers: without a number there is one worker for each core.
func TestWorkers(t *testing.T) {
	ctx := context.Background()
	for n, want := range map[int]int{0: Cores(), 1: 1, 7: 7} {
		if got := Workers(WithWorkers(ctx, n)); got != want {
			t.Errorf("%d workers are %d", n, got)
		}
	}
	if Workers(ctx) != Cores() {
		t.Error("a context that says nothing")
	}
}
