package nn

import (
	"errors"
	"fmt"
	"io"

	"github.com/rouxml/roux/tensor"
)

// Linear is an input of linear layers, as Hooks.Input sees it, and the weights
// that it is multiplied by.
type Linear struct {
	Layer      int
	Name       string // as Input.Name
	Expert     int    // -1: none
	Width      int
	Weights    []string // a stack of all experts stands under each of them
	Transposed bool     // the weights are stored [in, out]
	Tied       bool     // the weights are those of the embedding as well
}

// HeadIn is the name of the input of the logits' weights. Its layer is one
// behind the last.
const HeadIn = "head.in"

// Linears lists the inputs of a model's linear layers, layer by layer and the
// head's last, from its config.json and its headers alone.
func Linears(config []byte, infos []tensor.Info) ([]Linear, error) {
	if len(config) == 0 {
		return nil, errors.New("the model has no config.json, so its architecture is unknown: name the directory that holds it")
	}
	a, err := Parse(config)
	if err != nil {
		return nil, err
	}
	src := headersOf(infos)
	n, err := findPrefix(a.form, src)
	if err != nil {
		return nil, err
	}
	m := &Model{arch: a, source: src, names: n}
	var out []Linear
	for i := range a.Layers {
		b, err := m.loadBlock(&reader{source: src, used: map[string]bool{}, dry: true}, i)
		if err != nil {
			return nil, err
		}
		out = append(out, b.linears(i)...)
	}
	if a.Encoder {
		return out, nil
	}
	head, err := m.headLinear()
	return append(out, head), err
}

// headLinear is the input of the logits' weights.
func (m *Model) headLinear() (Linear, error) {
	a := m.arch
	p := &part{reader: &reader{source: m.source, used: map[string]bool{}, dry: true}, names: m.names, f: a.form, i: -1}
	o := outside{tokens: p.table(a.form.Embed.Tokens, a.Vocab, a.embedDim)}
	p.head(&o, a)
	if p.err != nil {
		return Linear{}, p.err
	}
	return Linear{Layer: a.Layers, Name: HeadIn, Expert: -1, Width: a.embedDim, Weights: []string{o.head.Info().Name}, Tied: o.head.Info().Name == o.tokens.Info().Name}, nil
}

// linears lists the inputs of a block in the order in which they are computed.
func (b *block) linears(layer int) (out []Linear) {
	add := func(name string, expert int, weights ...*matrix) {
		l := Linear{Layer: layer, Name: name, Expert: expert}
		for _, w := range weights {
			if w != nil {
				l.Width, l.Transposed = w.in, w.transposed
				l.Weights = append(l.Weights, w.name)
			}
		}
		out = append(out, l)
	}
	t := &b.attention
	add("attn.in", -1, t.q, t.k, t.v, t.qkv)
	add("attn.out", -1, t.o)
	if b.moe == nil {
		add("ffn.in", -1, b.ffn.gate, b.ffn.up, b.ffn.gateUp)
		add("ffn.mid", -1, b.ffn.down)
		return out
	}
	add("moe.in", -1, b.moe.router)
	for e, f := range b.moe.experts {
		add("expert.in", e, f.gate, f.up, f.gateUp)
		add("expert.mid", e, f.down)
	}
	return out
}

// headers is a source of which nothing but headers can be read.
type headers struct {
	infos []tensor.Info
	at    map[string]int
}

func headersOf(infos []tensor.Info) headers {
	h := headers{infos, make(map[string]int, len(infos))}
	for i, info := range infos {
		h.at[info.Name] = i
	}
	return h
}

// Infos lists the headers.
func (h headers) Infos() []tensor.Info { return h.infos }

// Tensor returns a header.
func (h headers) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := h.at[name]
	if !ok {
		return nil, false
	}
	return header{h.infos[i]}, true
}

type header struct{ info tensor.Info }

// Info returns the header.
func (h header) Info() tensor.Info { return h.info }

// ReadAt fails: there is only a header.
func (h header) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("tensor %s: only its header is known: %w", h.info.Name, io.ErrUnexpectedEOF)
}
