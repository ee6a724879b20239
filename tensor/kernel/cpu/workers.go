package cpu

import "context"

type workersKey struct{}

// WithWorkers says how many goroutines may compute for what is called with the
// context. It changes how long things take and no result.
func WithWorkers(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, workersKey{}, n)
}

// Workers is how many goroutines may compute: those of WithWorkers, or Cores.
func Workers(ctx context.Context) int {
	if n, ok := ctx.Value(workersKey{}).(int); ok && n > 0 {
		return n
	}
	return Cores()
}
