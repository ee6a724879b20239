package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// node is a model in the graph: an input, or what a step yields.
type node struct {
	name  string
	step  *recipes.Step // nil for inputs
	op    *ops.Op
	model *tensor.Model // what rides along; Weights only for inputs
	cells []*cell
	index map[string]*cell

	header ops.Header
	ports  []*node
	acts   []*action
	groups []*group
	same   bool            // `when` was false: the primary input passes through
	trials []*trial        // runs of a scoring step
	common map[string]bool // tensors of all ports, where `keys` asks for them alone

	on                 *run   // nil for inputs
	storing, preparing *tally // of its acts and groups; nil for inputs

	chosen      []ops.Header   // what `where` left of the ports
	layersKnown map[string]int // layers of each tower, once counted
}

func (n *node) add(c *cell) {
	n.cells = append(n.cells, c)
	n.index[c.info.Name] = c
}

// seal makes the header once all cells are there.
func (n *node) seal(open func([]tensor.File) (ops.Tokenizer, error)) {
	infos := make([]tensor.Info, len(n.cells))
	for i, c := range n.cells {
		infos[i] = c.info
	}
	n.header = ops.NewHeader(n.name, infos, n.model)
	if open != nil {
		n.header.Tokenizer = sync.OnceValues(func() (ops.Tokenizer, error) { return open(n.model.Files) })
	}
}

// cell is one tensor of a node: read from a file, or computed by an action.
type cell struct {
	info tensor.Info
	leaf tensor.Tensor
	act  *action
	out  int   // which output of act
	cast *cell // the same values in another dtype; set alone

	parts []part // rows of other cells, one below the other; set alone
}

// as returns the same cell under another name.
func (c *cell) as(name string) *cell {
	renamed := *c
	renamed.info.Name = name
	return &renamed
}

// action is one unit of a step with its curves resolved.
type action struct {
	node   *node
	params any
	pass   *ops.Pass
	role   tensor.Role // of the first output: which group it is in
	in     []*cell
	group  *group // what its Prepare sees; nil without one
	member int
	stored bool         // outputs are kept in the cache
	calib  *calibration // its statistics; nil without
	ready  atomic.Bool  // they are in its pass

	canonical []byte // params as keys see them

	streams int64 // estimate of a block's buffers, once made

	bare, own, whole keyOnce // of the unit alone, with statistics, and with what its Prepare sees

	run flight // computes stored outputs once

	holding sync.RWMutex // is read while a block may read what the pass holds
}

// group is the extent that one Prepare sees.
type group struct {
	node    *node
	members []*action
	scope   ops.Scope

	key keyOnce // of the states

	run flight
}

// keyOnce computes a key once for all who ask.
type keyOnce struct {
	once sync.Once
	key  cas.Key
	err  error
}

func (k *keyOnce) get(make func() (cas.Key, error)) (cas.Key, error) {
	k.once.Do(func() { k.key, k.err = make() })
	return k.key, k.err
}

// flight runs a function once for all who ask, and lets a later caller try
// again when it failed.
type flight struct {
	mu   sync.Mutex
	done bool
	of   interface { // hears when the function begins and when it went well; may be nil
		began(context.Context)
		ended()
	}
}

// finished says whether the function has gone well.
func (f *flight) finished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

func (f *flight) do(ctx context.Context, fn func(context.Context) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return nil
	}
	if f.of != nil {
		f.of.began(ctx)
	}
	if err := fn(ctx); err != nil {
		return err
	}
	f.done = true
	if f.of != nil {
		f.of.ended()
	}
	return nil
}
