package engine

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rouxml/roux/ops"
)

// schedule orders the dear work that a set of cells rests on: each job is a
// stored action or a group's Prepare, and runs before what reads it.
type schedule struct {
	on    *run
	todo  []errand
	jobs  map[any]*job
	needs map[*action][]*job // what reading an action's rows waits for
}

// errand is one cell to be done and what it waits for.
type errand struct {
	cell *cell
	jobs []*job
}

// job is one piece of dear work and the jobs that it waits for.
type job struct {
	needs []*job
	work  func(context.Context) error
	bytes int64
	heap  int64 // of these, what does not come from the arena

	once sync.Once
	err  error
}

// schedule plans jobs for cells; what the cache holds needs none.
func (r *run) schedule(ctx context.Context, cells []*cell) (*schedule, error) {
	s := &schedule{on: r, jobs: map[any]*job{}, needs: map[*action][]*job{}}
	for _, c := range cells {
		jobs, err := s.below(ctx, c)
		if err != nil {
			return nil, err
		}
		s.todo = append(s.todo, errand{c, jobs})
	}
	return s, nil
}

// below returns the jobs that reading a cell needs.
func (s *schedule) below(ctx context.Context, c *cell) ([]*job, error) {
	switch {
	case c.parts != nil:
		return s.joined(ctx, c)
	case c.cast != nil:
		return s.below(ctx, c.cast)
	case c.leaf != nil:
		return nil, nil
	case c.act.stored:
		return s.storing(ctx, c.act)
	}
	return s.rows(ctx, c.act)
}

func (s *schedule) storing(ctx context.Context, a *action) ([]*job, error) {
	if j, ok := s.jobs[a]; ok {
		return []*job{j}, nil
	}
	if ok, err := s.on.held(ctx, a); err != nil || ok {
		return nil, err
	}
	needs, err := s.rows(ctx, a)
	if err != nil {
		return nil, err
	}
	j := &job{needs: needs, bytes: a.memory(), heap: a.workspace(), work: func(ctx context.Context) error { return s.on.materialise(ctx, a) }}
	s.jobs[a] = j
	return []*job{j}, nil
}

// rows returns the jobs below an action's operands, and its group's.
func (s *schedule) rows(ctx context.Context, a *action) ([]*job, error) {
	if needs, ok := s.needs[a]; ok {
		return needs, nil
	}
	needs, err := s.operands(ctx, a)
	if err != nil {
		return nil, err
	}
	if a.group != nil {
		j, err := s.preparing(ctx, a.group)
		if err != nil {
			return nil, err
		}
		needs = append(needs, j)
	}
	s.needs[a] = needs
	return needs, nil
}

// operands returns the jobs below what an action reads, and those that make the
// statistics and what a study found for it.
func (s *schedule) operands(ctx context.Context, a *action) ([]*job, error) {
	needs, err := s.beneath(ctx, a.in)
	if err == nil && a.calib != nil {
		needs, err = with(needs)(s.calibrating(ctx, a.calib))
	}
	if err == nil && a.pass.Unit.Study {
		needs, err = with(needs)(s.studying(ctx, a.node))
	}
	return needs, err
}

// with adds a job to a list, unless it could not be planned.
func with(list []*job) func(*job, error) ([]*job, error) {
	return func(j *job, err error) ([]*job, error) { return append(list, j), err }
}

// beneath returns the jobs below cells, each once.
func (s *schedule) beneath(ctx context.Context, cells []*cell) ([]*job, error) {
	var needs []*job
	for _, c := range cells {
		more, err := s.below(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, j := range more {
			if !slices.Contains(needs, j) {
				needs = append(needs, j)
			}
		}
	}
	return needs, nil
}

func (s *schedule) preparing(ctx context.Context, g *group) (*job, error) {
	if j, ok := s.jobs[g]; ok {
		return j, nil
	}
	j := &job{bytes: g.members[0].stream()*int64(s.on.opt.Workers) + ops.PrepareMemory, heap: ops.PrepareMemory, work: func(ctx context.Context) error { return s.on.prepare(ctx, g, nil) }}
	s.jobs[g] = j
	for _, a := range g.members {
		more, err := s.operands(ctx, a)
		if err != nil {
			return nil, err
		}
		j.needs = append(j.needs, more...)
	}
	return j, nil
}

// calibrating returns the job that makes statistics: it runs the whole model, so
// all that its tensors rest on comes first.
func (s *schedule) calibrating(ctx context.Context, c *calibration) (*job, error) {
	if j, ok := s.jobs[c]; ok {
		return j, nil
	}
	j := &job{bytes: s.on.opt.Memory, heap: s.on.opt.Memory / 2, work: func(ctx context.Context) error { return s.on.calibrate(ctx, c) }}
	s.jobs[c] = j
	if c.given() {
		j.bytes, j.heap = 0, 0
		return j, nil
	}
	cells := slices.Clone(c.model.cells)
	if c.step != nil {
		for _, a := range c.users {
			cells = append(cells, a.in...)
		}
	}
	var err error
	j.needs, err = s.beneath(ctx, cells)
	return j, err
}

// run does every cell, its jobs first. A job takes its whole memory from the
// budget before it opens anything and holds nothing while it waits for others,
// so the budget holds and nothing can deadlock.
func (s *schedule) run(ctx context.Context, each func(context.Context, *cell) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for range s.on.opt.Workers {
		<-s.on.crew
	}
	next := make(chan errand)
	g.Go(func() error {
		defer close(next)
		for _, e := range s.todo {
			select {
			case next <- e:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range s.on.opt.Workers {
		g.Go(func() error {
			// A worker without cells left lends its core to the others.
			defer func() { s.on.crew <- struct{}{} }()
			for e := range next {
				if err := s.do(ctx, e, each); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *schedule) do(ctx context.Context, e errand, each func(context.Context, *cell) error) error {
	alone := e.cell.alone()
	for _, j := range e.jobs {
		if alone != nil && j == s.jobs[alone.group] {
			if err := s.finishAll(ctx, j.needs); err != nil {
				return err
			}
		} else if err := s.finish(ctx, j); err != nil {
			return err
		}
	}
	bytes := (e.cell.stream() + writeBytes) * int64(s.on.opt.Workers)
	if alone == nil {
		return s.on.within(ctx, bytes, 0, func() error { return each(ctx, e.cell) })
	}
	// In one memory with its rows, a Prepare may hold for them what it found.
	return s.on.within(ctx, bytes+ops.PrepareMemory, ops.PrepareMemory-ops.HoldMemory, func() error {
		h := holding{on: s.on, of: alone}
		defer h.release()
		if err := s.on.prepare(ctx, alone.group, h.take); err != nil {
			return err
		}
		return each(ctx, e.cell)
	})
}

// alone returns the action that computes a cell when its Prepare sees no other
// tensor, or nil.
func (c *cell) alone() *action {
	for c.cast != nil {
		c = c.cast
	}
	if a := c.act; c.parts == nil && c.leaf == nil && a != nil && !a.stored && a.group != nil && a.group.scope == ops.Tensor {
		return a
	}
	return nil
}

func (s *schedule) finishAll(ctx context.Context, jobs []*job) error {
	for _, j := range jobs {
		if err := s.finish(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// finish runs a job after those it needs, once.
func (s *schedule) finish(ctx context.Context, j *job) error {
	j.once.Do(func() {
		if j.err = s.finishAll(ctx, j.needs); j.err != nil {
			return
		}
		j.err = s.on.within(ctx, j.bytes, j.heap, func() error { return j.work(ctx) })
	})
	return j.err
}

// stream estimates the bytes of buffers that pulling one block of a cell takes.
func (c *cell) stream() int64 {
	own := blockBytes(c) * 2
	if c.cast != nil {
		return own + c.cast.stream()
	}
	if c.parts != nil {
		return own + c.joinedStream()
	}
	if c.leaf != nil || c.act.stored {
		return own
	}
	return own + c.act.stream()
}

// stream estimates the bytes of one block of an action's operands and of what
// lies below them.
func (a *action) stream() int64 {
	if a.streams == 0 {
		var sum, deepest int64
		for _, c := range a.in {
			sum += 2 * blockBytes(c)
			deepest = max(deepest, c.stream())
		}
		a.streams = sum + deepest
	}
	return a.streams
}

func blockBytes(c *cell) int64 {
	return int64(max(blockElems, c.info.Shape.Cols())) * 4
}

// memory estimates what materialising an action takes.
func (a *action) memory() int64 {
	n := a.stream()
	if a.node.op.Whole == nil {
		return n
	}
	for _, c := range a.in {
		n += 4 * int64(c.info.Shape.Numel())
	}
	for _, info := range a.pass.Unit.Out {
		n += 4 * int64(info.Shape.Numel())
	}
	return n + a.workspace()
}

// workspace is what a whole kernel takes beside operands and outputs.
func (a *action) workspace() int64 {
	if a.node.op.Whole == nil {
		return 0
	}
	return a.node.op.Whole.Memory(a.params, a.pass)
}
