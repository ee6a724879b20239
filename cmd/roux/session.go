package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/loaders/hub"
	opsall "github.com/rouxml/roux/ops/all"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// recipeFlags are what the commands over a recipe take.
type recipeFlags struct {
	set     []string
	out     string
	memory  string
	workers int
	cache   string
	force   bool
	nan     string
	compat  string
	shards  string
	seed    uint64
	noCard  bool
	changed func(flag string) bool
	json    bool
	quiet   bool
}

// add gives a command the flags that say what a recipe is.
func (f *recipeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "override a param of the recipe: --set density=0.3 (repeatable)")
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "directory for the single output; for mergekit files, out/NAME without it")
	cmd.Flags().StringVar(&f.compat, "compat", "", "mergekit: for its files, keep those of its defects that change numbers (docs/mergekit.md)")
	cmd.Flags().StringVar(&f.shards, "shard-size", "", "largest file of weights, such as 2GB (default: as the outputs say, or 5GB)")
	cmd.Flags().Uint64Var(&f.seed, "seed", 0, "seed of random draws (default: as the recipe says, or 0)")
	cmd.Flags().BoolVar(&f.noCard, "no-card", false, "leave out the model card")
	f.changed = cmd.Flags().Changed
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// addRun gives a command the flags of a run as well.
func (f *recipeFlags) addRun(cmd *cobra.Command) {
	f.add(cmd)
	f.addMeans(cmd)
	cmd.Flags().BoolVar(&f.force, "force", false, "replace output directories that roux did not write")
	cmd.Flags().StringVar(&f.nan, "nan", "", "NaN and Inf in outputs: keep, zero or error (default: as the outputs say, or keep)")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print errors only")
}

// addMeans gives a command the flags that say what a run may take.
func (f *recipeFlags) addMeans(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.memory, "memory", "", "memory budget, such as 2GB (default: half of what is free)")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "goroutines that compute (default: one a core)")
	cmd.Flags().StringVar(&f.cache, "cache", "", "cache folder (default: $ROUX_CACHE, or roux in the user's cache folder)")
	f.changed = cmd.Flags().Changed
}

// load reads and checks the recipe.
func (f *recipeFlags) load(path string) (*recipes.Recipe, error) {
	reg, err := opsall.Registry()
	if err != nil {
		return nil, err
	}
	set := map[string]string{}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--set %s: write name=value", s)}
		}
		set[name] = value
	}
	if err := knownCompat(f.compat); err != nil {
		return nil, err
	}
	o := recipes.Options{Set: set, Out: f.out, Compat: f.compat, NoCard: f.noCard}
	if f.shards != "" {
		size, err := schema.ParseBytes(f.shards)
		if err != nil {
			return nil, usageError{fmt.Errorf("--shard-size: %w", err)}
		}
		o.ShardSize = schema.Bytes(size)
	}
	if f.changed("seed") {
		o.Seed = &f.seed
	}
	r, err := recipes.Load(path, reg, o)
	if err != nil {
		return nil, recipeError{err}
	}
	return r, nil
}

// plan opens the recipe's models and lays out its steps.
func (f *recipeFlags) plan(ctx context.Context, r *recipes.Recipe, events func(engine.Event)) (*engine.Plan, error) {
	if r.Open != nil {
		return nil, recipeError{r.Open}
	}
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	o.Events = events
	client := hubClient()
	client.Progress = throttle(func(file string, done, total int64) { events(engine.Fetching{File: file, Done: done, Total: total}) })
	o.Open = func(ctx context.Context, m recipes.Model) (*tensor.Model, io.Closer, error) {
		model, closer, err := all.Open(ctx, all.Ref{Path: m.Path, Revision: m.Revision, Adapter: m.Adapter, AdapterRevision: m.AdapterRevision}, client)
		if err == nil && m.Architecture != "" {
			model.Config = arch.Rename(model.Config, m.Architecture)
		}
		return model, closer, err
	}
	o.Tokenizer, o.Data, o.Config = openTokenizer, readData(client), arch.Final
	for _, note := range r.Notes {
		events(engine.Warning{Text: note})
	}
	return engine.NewPlan(ctx, r, o)
}

func (f *recipeFlags) options() (engine.Options, error) {
	if f.workers < 0 {
		return engine.Options{}, usageError{fmt.Errorf("--workers %d: give 1 or more, or 0 for one a core", f.workers)}
	}
	o := engine.Options{Workers: f.workers, Force: f.force, Version: version, CheckMemory: os.Getenv("ROUX_CHECK_MEMORY") != ""}
	var err error
	if o.NaN, err = engine.ParseNaNPolicy(f.nan); err != nil {
		return o, usageError{err}
	}
	if f.memory != "" {
		if o.Memory, err = schema.ParseBytes(f.memory); err != nil {
			return o, usageError{fmt.Errorf("--memory: %w", err)}
		}
	}
	if o.Ops, err = opsall.Registry(); err != nil {
		return o, err
	}
	formats, err := all.Registry()
	if err != nil {
		return o, err
	}
	o.Formats = formats.Format
	o.Cache, err = openCache(f.cache)
	return o, err
}

// throttle passes on a report of each file five times a second, and its last.
func throttle(report func(file string, done, total int64)) func(string, int64, int64) {
	var mu sync.Mutex
	last := map[string]time.Time{}
	return func(file string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); done == total || now.Sub(last[file]) > 200*time.Millisecond {
			last[file] = now
			report(file, done, total)
		}
	}
}

// hubClient is the Hub as the environment describes it.
func hubClient() hub.Client {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return hub.FromEnv(os.Getenv, home)
}

// openCache opens the cache that the flag, the environment or the system's
// habit names.
func openCache(flag string) (*cas.Cache, error) {
	dir := flag
	if dir == "" {
		dir = os.Getenv("ROUX_CACHE")
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no folder for the cache: %w (say --cache DIR)", err)
		}
		dir = filepath.Join(base, "roux")
	}
	return cas.Open(dir, nil)
}
