package nn

import (
	"fmt"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/kernel"
)

// outside is the weights before and behind the blocks. Tables stay where they
// are; rows of them are read as tokens ask.
type outside struct {
	tokens, positions tensor.Tensor
	types             []float32 // of token type 0
	embedNorm, final  *norm
	in, out           *matrix // projections of a narrower embedding
	head              tensor.Tensor
	headBias          []float32
}

func (m *Model) openOutside(used map[string]bool) error {
	a, f := m.arch, m.arch.form
	r := &reader{source: m.source, used: used}
	p := &part{reader: r, names: m.names, f: f, i: -1}
	o := &m.outside
	o.tokens = p.table(f.Embed.Tokens, a.Vocab, a.embedDim)
	if f.Embed.Positions != "" {
		o.positions = p.table(f.Embed.Positions, a.Positions+f.Embed.Offset, a.Hidden)
	}
	if err := p.tokenType(&o.types, a.Hidden); err != nil {
		return err
	}
	o.embedNorm = p.norm(a, f.Embed.Norm, a.Hidden)
	if !a.noFinal {
		o.final = p.norm(a, f.FinalNorm, a.Hidden)
	}
	if a.embedDim != a.Hidden {
		o.in = p.linear(f.Embed.ProjIn, a.embedDim, a.Hidden, false)
		o.out = p.linear(f.Head.ProjOut, a.Hidden, a.embedDim, false)
	}
	if !a.Encoder {
		p.head(o, a)
	}
	return r.err
}

// tokenType reads the row that is added to every token of the first type.
func (p *part) tokenType(to *[]float32, hidden int) error {
	name := p.f.Embed.Types
	if name == "" || p.err != nil {
		return p.err
	}
	full := p.all(-1, name, ".weight")[0]
	t, ok := p.find(full)
	if !ok {
		return fmt.Errorf("tensor %s is missing", full)
	}
	if s := t.Info().Shape; len(s) != 2 || s[0] < 1 || s[1] != hidden {
		return shapeError(t.Info(), tensor.Shape{2, hidden})
	}
	*to = make([]float32, hidden)
	return rowOf(*to, t, 0, new([]byte))
}

// head finds the weights of the logits. Of a tied model they are the embedding,
// unless others are stored: transformers then does not tie them either.
func (p *part) head(o *outside, a *Arch) {
	h := &p.f.Head
	outer := *p
	outer.prefix = ""
	names := append(outer.all(-1, h.Weight, ".weight"), p.all(-1, h.Weight, ".weight")...)
	t, ok := p.find(names...)
	if !ok && a.Tied {
		o.head = o.tokens
		return
	}
	if !ok {
		p.fail(fmt.Errorf("tensor %s is missing, and config.json does not say tie_word_embeddings", names[0]))
		return
	}
	if want := (tensor.Shape{a.Vocab, a.embedDim}); !t.Info().Shape.Equal(want) {
		p.fail(shapeError(t.Info(), want))
		return
	}
	o.head = t
	if a.headBias {
		o.headBias = outer.vector(h.Weight, ".bias", a.Vocab)
	}
}

// rowOf reads one row of a table, by way of room that it may make larger.
func rowOf(dst []float32, t tensor.Tensor, row int, room *[]byte) error {
	info := t.Info()
	n := info.RowBytes()
	at := int64(row) * int64(n)
	var b []byte
	if mapped, ok := t.(tensor.Mapped); ok {
		b = mapped.Bytes()[at : at+int64(n)]
	} else {
		if len(*room) < n {
			*room = make([]byte, n)
		}
		b = (*room)[:n]
		if got, err := t.ReadAt(b, at); got < n {
			return fmt.Errorf("tensor %s: row %d: %w", info.Name, row, err)
		}
	}
	if err := codec.DecodeRows(dst, b, info); err != nil {
		return fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	return nil
}

// embed fills the first hidden states of a segment, hidden elements each.
func (m *Model) embed(x []float32, s *segment) error {
	a, o := m.arch, &m.outside
	narrow := x
	var room []byte
	if o.in != nil {
		narrow = make([]float32, len(s.tokens)*a.embedDim)
	}
	for i, id := range s.tokens {
		row := narrow[i*a.embedDim : (i+1)*a.embedDim]
		if err := rowOf(row, o.tokens, int(id), &room); err != nil {
			return err
		}
		if a.embedScale != 1 {
			kernel.Scale(row, a.embedScale)
		}
	}
	if o.in != nil {
		o.in.to(len(s.tokens), narrow, a.embedDim, x, a.Hidden, m.options.Workers)
	}
	return m.addPositions(x, s)
}

func (m *Model) addPositions(x []float32, s *segment) error {
	a, o := m.arch, &m.outside
	position := make([]float32, a.Hidden)
	var room []byte
	for i := range s.tokens {
		row := x[i*a.Hidden : (i+1)*a.Hidden]
		if o.types != nil {
			kernel.Add(row, o.types)
		}
		if o.positions != nil {
			if err := rowOf(position, o.positions, s.past+i+a.form.Embed.Offset, &room); err != nil {
				return err
			}
			kernel.Add(row, position)
		}
		if o.embedNorm != nil {
			o.embedNorm.one(row, row)
		}
	}
	return nil
}
