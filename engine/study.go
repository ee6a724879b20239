package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

// study is the run of models that a step's tensors are computed with.
type study struct {
	trial *trial
	run   flight
	found atomic.Pointer[ops.Result] // once it is known
}

// layStudy plans the run of models that the step's units ask for.
func (p *Plan) layStudy(n *node) error {
	if !slices.ContainsFunc(n.acts, func(a *action) bool { return a.pass.Unit.Study }) {
		return nil
	}
	if p.opt.Tokenizer == nil || p.opt.Config == nil {
		return errors.New("this program runs no models")
	}
	heads, err := n.runnable(p.opt)
	if err != nil {
		return err
	}
	// Now: Plan has filled in what it took from headers and tokenizers.
	canonical, err := schema.Canonical(n.step.Params)
	if err != nil {
		return err
	}
	t := &trial{op: n.op, run: n.op.Study.Run, canonical: canonical, seed: p.seedOf(n)}
	for _, i := range n.op.Study.Ports(n.step.Params) {
		t.ports, t.heads = append(t.ports, n.ports[i]), append(t.heads, heads[i])
	}
	n.study = &study{trial: t}
	return nil
}

// studying returns the job that runs a step's models: all that their tensors
// rest on comes first.
func (s *schedule) studying(ctx context.Context, n *node) (*job, error) {
	if j, ok := s.jobs[n.study]; ok {
		return j, nil
	}
	j := &job{bytes: s.on.opt.Memory, heap: s.on.opt.Memory / 2, work: func(ctx context.Context) error { return s.on.studied(ctx, n) }}
	s.jobs[n.study] = j
	if held, err := s.on.studyHeld(ctx, n.study); err != nil || held {
		j.bytes, j.heap = 0, 0
		return j, err
	}
	var cells []*cell
	for _, port := range n.study.trial.ports {
		cells = append(cells, port.cells...)
	}
	var err error
	j.needs, err = s.beneath(ctx, cells)
	return j, err
}

// studyHeld takes what a study came to from the cache. It reads the entry, for a
// damaged one is a miss, and one that is lost later is not missed: a run that
// was planned without the study's own needs never comes to need them.
func (r *run) studyHeld(ctx context.Context, s *study) (bool, error) {
	if s.found.Load() != nil {
		return true, nil
	}
	key, err := s.trial.key(ctx)
	if err != nil {
		return false, err
	}
	var found ops.Result
	text, ok := r.opt.Cache.GetBytes(key)
	if !ok || json.Unmarshal(text, &found) != nil {
		return false, nil
	}
	s.found.Store(&found)
	return true, nil
}

// studied makes sure that what a step's study comes to is in the passes of its
// units: from the cache, or by a run.
func (r *run) studied(ctx context.Context, n *node) error {
	s := n.study
	return s.run.do(ctx, func(ctx context.Context) error {
		held, err := r.studyHeld(ctx, s)
		if err != nil {
			return err
		}
		if held {
			r.hits.Add(1)
		} else if err := r.find(ctx, n); err != nil {
			return err
		}
		found := s.found.Load()
		for _, name := range slices.Sorted(maps.Keys(found.Notes)) {
			r.opt.emit(Warning{Text: fmt.Sprintf("step %s: %s", n.name, found.Notes[name])})
		}
		for _, a := range n.acts {
			if a.pass.Unit.Study {
				a.pass.Found = found
			}
		}
		return nil
	})
}

// find runs a step's study and keeps what it came to.
func (r *run) find(ctx context.Context, n *node) error {
	key, err := n.study.trial.key(ctx)
	if err != nil {
		return err
	}
	found, err := r.attempt(ctx, n, n.study.trial)
	if err != nil {
		return n.place("", err)
	}
	r.keepResult(n, key, found)
	n.study.found.Store(&found)
	return nil
}

// studySummary says whether the run of models is to be done.
func (r *run) studySummary(ctx context.Context, n *node, st *StepSummary) error {
	if n.study == nil {
		return nil
	}
	held, err := r.studyHeld(ctx, n.study)
	state := "to be run"
	if held {
		state = "what that came to is held"
	}
	for _, port := range n.study.trial.ports {
		st.Why += fmt.Sprintf("; runs %s: %s", port.name, state)
	}
	return err
}

// studyKey adds what a study depends on to the key of a unit that needs it.
func (a *action) studyKey(ctx context.Context, bare cas.Key) (cas.Key, error) {
	if !a.pass.Unit.Study {
		return bare, nil
	}
	k, err := a.node.study.trial.key(ctx)
	return cas.NewHash("studied").Key(bare).Key(k).Sum(), err
}
