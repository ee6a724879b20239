package engine

import (
	"context"
	"sync"
)

// tally counts the finished pieces of one step or output and reports each. Its
// totals are set before the first piece is done.
type tally struct {
	once sync.Once
	mu   sync.Mutex
	now  TaskDone
}

// expect sets what the tally will count up to; only the first call does.
func (t *tally) expect(what func() TaskDone) { t.once.Do(func() { t.now = what() }) }

// add reports one more piece. Reports come in the order of their counts.
func (t *tally) add(o Options, tensor string, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Done++
	t.now.DoneBytes += bytes
	t.now.Tensor, t.now.Bytes = tensor, bytes
	o.emit(t.now)
}

// materialised is materialise with a report. What the cache holds is not part
// of the totals.
func (r *run) materialised(ctx context.Context, a *action) error {
	n := a.node
	n.storing.expect(func() TaskDone {
		e := TaskDone{Step: n.name}
		for _, other := range n.acts {
			if ok, err := r.held(ctx, other); err == nil && !ok {
				e.Total++
				e.TotalBytes += other.made()
			}
		}
		return e
	})
	err := r.materialise(ctx, a)
	if err == nil {
		a.counted.Do(func() { n.storing.add(r.opt, a.pass.Out().Name, a.made()) })
	}
	return err
}

// made is the bytes of an action's outputs.
func (a *action) made() int64 {
	var bytes int64
	for _, info := range a.pass.Unit.Out {
		bytes += info.Bytes()
	}
	return bytes
}

// prepared is prepare with a report.
func (r *run) prepared(ctx context.Context, g *group) error {
	n := g.node
	n.preparing.expect(func() TaskDone {
		e := TaskDone{Step: "scan " + n.name, Total: len(n.groups)}
		for _, other := range n.groups {
			e.TotalBytes += other.read()
		}
		return e
	})
	err := r.prepare(ctx, g)
	if err == nil {
		g.counted.Do(func() { n.preparing.add(r.opt, g.subject(), g.read()) })
	}
	return err
}

// read is the bytes of all operands of a group.
func (g *group) read() int64 {
	var bytes int64
	for _, a := range g.members {
		bytes += a.reads()
	}
	return bytes
}

// reads is the bytes of an action's operands.
func (a *action) reads() int64 {
	var bytes int64
	for _, c := range a.in {
		bytes += c.info.Bytes()
	}
	return bytes
}
