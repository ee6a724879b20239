package engine

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
)

// sums are the accumulators that units came to, by the keys of the units: what
// did not change since a step was measured last is not read again.
type sums map[cas.Key][]float64

// sumsRecord is the kind of the notes that say where a step's last sums lie.
const sumsRecord = "sums"

// place names a measuring step on this machine, whatever it measures now.
func (m *measure) place() string {
	file, err := filepath.Abs(m.node.step.Pos.File)
	if err != nil {
		file = m.node.step.Pos.File
	}
	return file + " " + m.node.name
}

// lastSums returns what the step's units came to last time; none when the cache
// has lost it.
func (r *run) lastSums(m *measure) sums {
	var key cas.Key
	var last sums
	if text, ok := r.opt.Cache.Record(sumsRecord, m.place()); !ok || key.UnmarshalText(text) != nil {
		return nil
	}
	if text, ok := r.opt.Cache.GetBytes(key); !ok || json.Unmarshal(text, &last) != nil {
		return nil
	}
	return last
}

// recall fills in the records whose units did not change, and returns the
// actions that are to be measured.
func (r *run) recall(ctx context.Context, m *measure, records []ops.Record) ([]*action, error) {
	last := r.lastSums(m)
	var todo []*action
	for i, a := range m.node.acts {
		key, err := a.ownKey(ctx)
		if err != nil {
			return nil, err
		}
		s, ok := last[key]
		records[i] = ops.Record{Unit: a.pass.Unit, Sums: s}
		if !ok {
			todo = append(todo, a)
		}
	}
	return todo, nil
}

// keepSums stores the sums for the next run. JSON cannot hold NaN or Inf: units
// with them are measured again. A cache that cannot be written only costs time.
func (r *run) keepSums(ctx context.Context, m *measure, records []ops.Record) error {
	now := sums{}
	for i, a := range m.node.acts {
		key, err := a.ownKey(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(records[i].Sums, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
			now[key] = slices.Clone(records[i].Sums)
		}
	}
	whole, err := m.key(ctx)
	if err != nil {
		return err
	}
	key := cas.NewHash("sums").Key(whole).Sum()
	text, err := json.Marshal(now)
	if err == nil {
		err = r.opt.Cache.PutBytes(key, text, m.node.op.Name+" sums "+m.node.name)
	}
	if err == nil {
		err = r.opt.Cache.PutRecord(sumsRecord, m.place(), []byte(key.String()))
	}
	if err != nil {
		r.opt.emit(Warning{Text: "cache: " + err.Error()})
	}
	return nil
}
