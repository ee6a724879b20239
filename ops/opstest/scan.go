package opstest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/rouxml/roux/ops"
)

// ErrRead is what reading fails with where Order says so.
var ErrRead = errors.New("the disk is gone")

// scan gives blocks of 5 rows, as the engine's partition depends on the shape
// alone, from two goroutines in a shuffled order.
func (x *executor) scan(w *work) ops.Scan {
	shape := w.pass.In[0].Shape
	if w.pass.Unit.Rows != nil {
		shape = w.pass.Out().Shape
	}
	spans := cut(shape.Rows(), 5)
	order := x.shuffle(len(spans))
	return ops.Scan{Params: w.params, Pass: w.pass, Hold: x.hold(), Blocks: len(spans), Each: func(_ context.Context, f func(*ops.Block) error, operands ...int) error {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for half := range 2 {
			wg.Go(func() {
				for k := half; k < len(order) && errs[half] == nil; k += 2 {
					b, err := x.show(w, spans[order[k]])
					if err != nil {
						errs[half] = err
						return
					}
					b.Index = order[k]
					for i := range b.In {
						if len(operands) > 0 && !slices.Contains(operands, i) {
							b.In[i] = ops.Values{}
						}
					}
					errs[half] = f(b)
				}
			})
		}
		wg.Wait()
		return slices.MaxFunc(errs, func(a, b error) int { return boolInt(a != nil) - boolInt(b != nil) })
	}, At: func(_ context.Context, row, rows int, f func(*ops.Block) error, _ ...int) error {
		b, err := x.show(w, [2]int{row, rows})
		if err != nil {
			return err
		}
		return f(b)
	}}
}

// hold lets orders of even seeds hold what they prepare.
func (x *executor) hold() func(int) []uint64 {
	if x.order.Seed%2 != 0 {
		return nil
	}
	return func(n int) []uint64 { return make([]uint64, n) }
}

// show is block for a Prepare, which may fail.
func (x *executor) show(w *work, span [2]int) (*ops.Block, error) {
	if n := x.order.Fails; n > 0 && x.shown.Add(1) > int64(n) {
		x.failed.Store(true)
		return nil, ErrRead
	}
	return x.block(w, span), nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (x *executor) shuffle(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if x.order.Seed != 0 {
		x.rand.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	return order
}

func cut(rows, per int) [][2]int {
	var spans [][2]int
	for r := 0; r < rows; r += per {
		spans = append(spans, [2]int{r, min(per, rows-r)})
	}
	return spans
}
