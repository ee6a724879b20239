// Package loadertest is the conformance suite that every format passes: what a
// reader owes to untrusted files and to many readers at once, and what a writer
// owes to whoever writes in any order.
package loadertest

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/rouxml/roux/loaders"
)

// Run holds every format of a registry to the suite. What a format reads is
// taken from what some format of the registry writes: a format that is only
// read passes when it knows a file or a folder among those, or among more.
func Run(t *testing.T, r loaders.Registry, more ...Sample) {
	samples := samplesOf(t, r)
	for _, m := range more {
		samples = append(samples, sample{write: m.Write, label: m.Name, shard: -1})
	}
	for _, f := range r.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Create != nil {
				t.Run("write", func(t *testing.T) { writes(t, f) })
			}
			if f.Open != nil {
				t.Run("read", func(t *testing.T) { reads(t, f, samples) })
			}
		})
	}
}

// Sample is a model that no format of the registry writes.
type Sample struct {
	Name  string
	Write func(dir string) error // the same bytes every time
}

// sample is a model on disk and how to make it anew elsewhere.
type sample struct {
	write func(dir string) error // nil: from stores model
	label string

	from  loaders.Format
	model Model
	shard int64
}

// make writes the sample into dir.
func (s sample) make(t *testing.T, dir string) {
	if s.write == nil {
		store(t, s.from, dir, s.model, s.shard, inOrder)
	} else if err := s.write(dir); err != nil {
		t.Fatal(err)
	}
}

// samplesOf lists what the registry can write: each model of each format, in
// one piece and in shards.
func samplesOf(t *testing.T, r loaders.Registry) []sample {
	var list []sample
	for _, f := range r.Formats() {
		for _, m := range accepted(t, f) {
			list = append(list, sample{from: f, model: m}, sample{from: f, model: m, shard: shardBytes})
		}
	}
	return list
}

// accepted returns the models of Models that a format stores; it must store
// one at least.
func accepted(t *testing.T, f loaders.Format) []Model {
	t.Helper()
	if f.Create == nil {
		return nil
	}
	var list []Model
	for _, m := range Models(1) {
		if storable(t, f, m) {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		t.Fatalf("format %s stores none of the suite's models", f.Name)
	}
	return list
}

func storable(t *testing.T, f loaders.Format, m Model) bool {
	for _, x := range m.Tensors {
		if f.Stores(x.Info) != nil {
			return false
		}
	}
	_, err := f.Create(t.TempDir(), m.tensorModel(t), loaders.WriteOptions{})
	return err == nil
}

// find returns the first path at or below dir that a format says it reads,
// relative to dir.
func find(t *testing.T, f loaders.Format, dir string) (rel string, ok bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !f.Sniff(path) {
			return err
		}
		ok = true
		if rel, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		return fs.SkipAll
	})
	if err != nil {
		t.Fatal(err)
	}
	return rel, ok
}
