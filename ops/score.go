package ops

import (
	"context"

	"github.com/rouxml/roux/tensor"
)

// ScoreKernel runs models over data and yields metrics. The work is cut into
// runs, each over some of the models; what a run came to is kept by the cache,
// so that a model that did not change is not run again when another did.
type ScoreKernel[P any] struct {
	// Check refuses models that cannot be run, by their headers, and data that
	// is known to be unfit before anything runs. Data is in the order of the
	// params' schema.DataRefs. Nil allows all.
	Check func(p *P, in []Header, data []*Data) error
	// Runs lists the ports that each run sees together. Nil means one run for
	// each port.
	Runs func(p *P, ports int) [][]int
	// Run computes the result of one run. It must not depend on x.Workers,
	// x.Memory and x.Scratch.
	Run func(ctx context.Context, p *P, x *Trial) (Result, error)
	// Finish turns the results, in the order of Runs, into metrics.
	Finish func(p *P, in []Header, seed uint64, results []Result) (Metrics, error)
}

// Trial is what one run of a ScoreKernel sees.
type Trial struct {
	Models  []Subject
	Data    []*Data // in the order of the params' schema.DataRefs
	Seed    uint64  // the step's seed, or the recipe's
	Workers int     // goroutines that may compute
	Memory  int64   // bytes that the kernel may hold itself
	Scratch string  // folder for files without a name that hold more; empty: none
	// Report tells how many pieces of the work are done, in which unit ("questions").
	// It is for work that goes on after the weights were read once, which is
	// told of by itself; nil where nobody listens.
	Report func(done, total int, of string)
}

// Subject is a model that is run. Its weights are lazy: reading them computes
// what has to be computed, and stays within the engine's part of the budget.
type Subject struct {
	Header
	Weights tensor.Source
}

// Result is what a run came to: metrics, and numbers by item under named
// columns of one length, so that Finish can compare models item by item. Notes
// are words that belong to them, such as a tokenizer's digest.
type Result struct {
	Values map[string]float64
	Items  map[string][]float64
	Notes  map[string]string
}

// Score is a ScoreKernel with hidden params.
type Score struct {
	Check  func(params any, in []Header, data []*Data) error
	Runs   func(params any, ports int) [][]int
	Run    func(ctx context.Context, params any, x *Trial) (Result, error)
	Finish func(params any, in []Header, seed uint64, results []Result) (Metrics, error)
}

func (k *ScoreKernel[P]) hide() *Score {
	return &Score{
		Check: func(p any, in []Header, data []*Data) error {
			if k.Check == nil {
				return nil
			}
			return k.Check(p.(*P), in, data)
		},
		Runs: func(p any, ports int) [][]int {
			if k.Runs != nil {
				return k.Runs(p.(*P), ports)
			}
			runs := make([][]int, ports)
			for i := range runs {
				runs[i] = []int{i}
			}
			return runs
		},
		Run: func(ctx context.Context, p any, x *Trial) (Result, error) { return k.Run(ctx, p.(*P), x) },
		Finish: func(p any, in []Header, seed uint64, results []Result) (Metrics, error) {
			return k.Finish(p.(*P), in, seed, results)
		},
	}
}
