package ops

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestWholeIsLeftBehind: a kernel that does not look at its context does not
// keep a cancelled run from ending.
func TestWholeIsLeftBehind(t *testing.T) {
	type params struct{}
	started, never := make(chan bool), make(chan bool)
	defer close(never)
	k := (&WholeKernel[params]{Run: func(context.Context, *params, *Pass, []Matrix, []Matrix) error {
		close(started)
		<-never
		return nil
	}}).hide()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx, &params{}, &Pass{}, nil, nil) }()
	<-started
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the run waits for the kernel")
	}
}
