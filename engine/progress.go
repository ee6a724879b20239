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

// began sets the totals of a step whose tensors are stored; what the cache
// holds is not part of them.
func (a *action) began(ctx context.Context) {
	n := a.node
	n.storing.expect(func() TaskDone {
		e := TaskDone{Step: n.name}
		for _, other := range n.acts {
			if ok, err := n.on.held(ctx, other); err == nil && !ok {
				e.Total++
				e.TotalBytes += other.made()
			}
		}
		return e
	})
}

// ended counts stored outputs.
func (a *action) ended() { a.node.storing.add(a.node.on.opt, a.pass.Out().Name, a.made()) }

// made is the bytes of an action's outputs.
func (a *action) made() int64 {
	var bytes int64
	for _, info := range a.pass.Unit.Out {
		bytes += info.Bytes()
	}
	return bytes
}

// began sets the totals of a step that is scanned beforehand.
func (g *group) began(context.Context) {
	n := g.node
	n.preparing.expect(func() TaskDone {
		e := TaskDone{Step: "scan " + n.name, Total: len(n.groups)}
		for _, other := range n.groups {
			e.TotalBytes += other.read()
		}
		return e
	})
}

// ended counts a group whose states are known.
func (g *group) ended() { g.node.preparing.add(g.node.on.opt, g.subject(), g.read()) }

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
