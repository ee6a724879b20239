package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

func newRun() *cobra.Command {
	var f recipeFlags
	cmd := &cobra.Command{
		Use: "run RECIPE", Short: "Run a recipe and write its outputs",
		Long:    "Run a recipe, or a mergekit file, and write its outputs. What the cache holds is not computed again. With --json, standard output is one event on a line.",
		Example: "  roux run recipes/quickstart.yaml\n  roux run merge.yml --out out/merged --memory 2GB\n  roux run recipes/quickstart.yaml --json",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			r, err := f.load(list[0])
			if err != nil {
				return err
			}
			show := newDisplay(cmd, f)
			defer show.close()
			p, err := f.plan(cmd.Context(), r, spareProcessor(show.event))
			if err != nil {
				return err
			}
			defer func() { _ = p.Close() }() // read-only
			defer f.boundGarbage()()
			_, err = p.Run(cmd.Context())
			return err
		},
	}
	f.addRun(cmd)
	return cmd
}

// boundGarbage has the heap collected more often as it comes near to the budget,
// until the returned function is called.
func (f *recipeFlags) boundGarbage() func() {
	const beside = 48 << 20 // what lies there for other ends than the budget's
	limit := int64(math.MaxInt64)
	if n, err := schema.ParseBytes(f.memory); err == nil && n > 0 && n < limit-beside {
		limit = n + beside
	}
	before := debug.SetMemoryLimit(limit)
	return func() { debug.SetMemoryLimit(before) }
}

// spareProcessor allows one processor more than cores once there is work, so
// that a worker which comes back from reading or writing finds one at once.
// Before that it would only slow the start.
func spareProcessor(next func(engine.Event)) func(engine.Event) {
	spare := sync.OnceFunc(func() { runtime.GOMAXPROCS(cpu.Cores() + 1) })
	return func(e engine.Event) {
		if _, works := e.(engine.TaskDone); works {
			spare()
		}
		next(e)
	}
}
