package nn

import (
	"errors"
	"fmt"

	"github.com/rouxml/roux/tensor"
)

// GroupRows is about how many tokens go through a block together: the buffers
// of a run hold so many rows of the widest layer, or as many as the longest
// sequence has.
const GroupRows = 2048

// Options are the choices of a caller. The zero value will do.
type Options struct {
	// Workers bounds the goroutines; 0 means one for each core.
	Workers int
	// Resident keeps every block once it is read, for generation: weights that
	// do not lie in memory already are otherwise read anew for each token.
	Resident bool
	// Spill is a directory for hidden states that take more than SpillAbove
	// bytes: the system may then write them out. Empty: they stay in memory.
	Spill      string
	SpillAbove int64
}

// Model is an architecture with its weights. Several goroutines may use one.
type Model struct {
	arch    *Arch
	source  tensor.Source
	names   names
	options Options
	scratch scratchPool
	outside outside
	blocks  *resident // nil unless Options.Resident
	// What the largest block, all blocks and the head take that is not in
	// memory already.
	blockBytes, allBytes, headBytes int64
}

// Open reads config.json's text and checks the weights by their headers; of the
// weights themselves it reads only the small ones outside the blocks. The
// source must stay open as long as the model is used.
func Open(src tensor.Source, config []byte, o Options) (*Model, error) {
	if len(config) == 0 {
		return nil, errors.New("the model has no config.json, so its architecture is unknown")
	}
	a, err := Parse(config)
	if err != nil {
		return nil, err
	}
	n, err := findPrefix(a.form, src)
	if err != nil {
		return nil, err
	}
	m := &Model{arch: a, source: src, names: n, options: o}
	if o.Resident {
		m.blocks = &resident{all: make([]*block, a.Layers)}
	}
	used := map[string]bool{}
	if err := m.openOutside(used); err != nil {
		return nil, err
	}
	for i := range a.Layers {
		r := &reader{source: src, used: used, dry: true}
		if _, err := m.loadBlock(r, i); err != nil {
			return nil, err
		}
		m.blockBytes = max(m.blockBytes, r.read)
		m.allBytes += r.read
	}
	if m.outside.head != nil {
		r := &reader{source: src, used: used, dry: true}
		if _, err := r.matrixOf(m.outside.head, a.embedDim, a.Vocab, false); err != nil {
			return nil, err
		}
		m.headBytes = r.read
	}
	return m, checkUsed(a.form, n, a.Layers, src, used)
}

// Arch returns the architecture. The caller must not change it.
func (m *Model) Arch() *Arch { return m.arch }

// Memory is about how many bytes a run of so many tokens takes, in sequences of
// up to longest, beside weights that lie in memory already: hidden states, the
// buffers of one group, two blocks, or the head when these are done with, and
// the logits of a chunk. Of a model that is resident it is all blocks and the head.
func (m *Model) Memory(tokens, longest int) int64 {
	a := m.arch
	inner := 2 * a.denseFFN
	group := min(tokens, max(GroupRows, longest))
	perRow := 3*a.Hidden + (2*a.Heads+2*a.KVHeads)*a.HeadDim
	small := ffnRows*(inner+a.Hidden) + headRows*(min(headColumns, a.Vocab)+a.Hidden)
	weights := max(2*m.blockBytes, m.headBytes)
	if m.blocks != nil {
		weights = m.allBytes + m.headBytes
	}
	return 4*(int64(tokens)*int64(a.Hidden)+int64(group)*int64(perRow)+int64(small)) + weights
}

// check refuses tokens that the model has no embedding for and sequences that
// it has no positions for.
func (m *Model) check(batch [][]int32, past int) error {
	for i, seq := range batch {
		if len(seq) == 0 {
			return fmt.Errorf("sequence %d is empty", i)
		}
		if n := past + len(seq); n > m.arch.Positions {
			return fmt.Errorf("sequence %d has %d tokens, and the model has %d positions: cut it into shorter windows", i, n, m.arch.Positions)
		}
		for at, id := range seq {
			if id < 0 || int(id) >= m.arch.Vocab {
				return fmt.Errorf("sequence %d has token %d at %d, and the model has %d: the tokenizer does not match the vocabulary", i, id, at, m.arch.Vocab)
			}
		}
	}
	return nil
}
