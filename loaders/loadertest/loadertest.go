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
// taken from what some format of the registry writes, or one of the writers
// that are given for what is only read: such a format passes when it knows a
// file or a folder among those.
func Run(t *testing.T, r loaders.Registry, writers ...loaders.Format) {
	samples := samplesOf(t, append(r.Formats(), writers...))
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

// sample is a model on disk and how to make it anew elsewhere.
type sample struct {
	from  loaders.Format
	model Model
	shard int64
}

// make writes the sample into dir.
func (s sample) make(t *testing.T, dir string) { store(t, s.from, dir, s.model, s.shard, inOrder) }

// samplesOf lists what formats can write: each model of each format, in one
// piece and in shards.
func samplesOf(t *testing.T, formats []loaders.Format) []sample {
	var list []sample
	for _, f := range formats {
		for _, m := range accepted(t, f) {
			list = append(list, sample{f, m, 0}, sample{f, m, shardBytes})
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
