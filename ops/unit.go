package ops

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/vocab"
)

// Header is what a plan knows of one model that an op takes.
type Header struct {
	Name    string // the recipe's name of the model or step
	Infos   []tensor.Info
	Roles   tensor.Roles
	Config  []byte
	Adapter []byte
	// Left are the names that the step's `where` leaves out: Infos lacks them,
	// and the model does not.
	Left map[string]bool
	// Files ride along with the model.
	Files []tensor.File
	// Blocks says how alike its hidden states are, when the op needs Cosines and
	// the step calibrates.
	Blocks *Blocks
	// Vocab returns the model's vocabulary, which is read when it is first
	// asked for and not to be changed; tensor.ErrNoVocab when it has none.
	Vocab func() (*vocab.Tokenizer, error)
	// Tokenizer opens the tokenizer among the model's files, once; nil where
	// none can be run.
	Tokenizer func() (Tokenizer, error)
	index     map[string]int
}

// NewHeader indexes a model's headers.
func NewHeader(name string, infos []tensor.Info, m *tensor.Model) Header {
	h := Header{Name: name, Infos: infos, Roles: m.Roles, Config: m.Config, Adapter: m.Adapter, Files: m.Files, Vocab: m.Vocab, index: make(map[string]int, len(infos))}
	if h.Vocab == nil {
		h.Vocab = tensor.VocabOf(m.Files)
	}
	for i, info := range infos {
		h.index[info.Name] = i
	}
	return h
}

// Info returns the header of a tensor, or false.
func (h Header) Info(name string) (tensor.Info, bool) {
	i, ok := h.index[name]
	if !ok {
		return tensor.Info{}, false
	}
	return h.Infos[i], true
}

// Operand names one tensor of one port.
type Operand struct {
	Port int
	Name string
}

// Unit is one piece of work: the tensors it reads and those it yields.
type Unit struct {
	Out []tensor.Info
	In  []Operand
	// Args are numbers that Plan found and the kernel needs, such as the scale
	// that an adapter's config gives a module. They are part of the key.
	Args []float64
	// Rows says for each operand of a row kernel which of its rows stands for
	// each row of the output. Nil, alone or of one operand, means the same rows.
	Rows []RowMap
	// Study says that the kernel needs what the op's Study found.
	Study bool
}

// RowMap holds an operand's row for each row of the output; None where the
// kernel is to see zeros. Of a vector it maps elements.
type RowMap []int32

// None is no row.
const None int32 = -1

// Check refuses maps that do not fit the output and the operands.
func (u Unit) Check(in []tensor.Info) error {
	if u.Rows == nil {
		return nil
	}
	if len(u.Rows) != len(in) || len(u.Out) != 1 {
		return fmt.Errorf("%d row maps for %d operands", len(u.Rows), len(in))
	}
	for i, m := range u.Rows {
		if m == nil {
			continue
		}
		rows, from := u.Out[0].Shape.Lines(), in[i].Shape.Lines()
		if len(m) != rows || len(in[i].Shape) != len(u.Out[0].Shape) || in[i].Shape.Cols() != u.Out[0].Shape.Cols() && len(in[i].Shape) > 1 {
			return fmt.Errorf("the row map of %s %v has %d rows, the output %v", in[i].Name, in[i].Shape, len(m), u.Out[0].Shape)
		}
		for _, r := range m {
			if r < None || int(r) >= from {
				return fmt.Errorf("the row map of %s %v reads row %d", in[i].Name, in[i].Shape, r)
			}
		}
	}
	return nil
}

// Pick passes a tensor of a port on, unchanged but for its name: or, with
// Pieces, a tensor that rows of others make.
type Pick struct {
	Name string // in the result
	From Operand

	Pieces []Piece      // from the first row to the last; all of one dtype and row length
	Shape  tensor.Shape // of the result, when there are Pieces
}

// Piece is rows [Row, Row+Rows) of a tensor. A tensor of more than two
// dimensions has the product of all but the last as its rows.
type Piece struct {
	From      Operand
	Row, Rows int
}

// SameNames plans one unit for each float tensor of the primary port, reading
// the tensor of that name from every port. Shapes must agree; what does not is
// reported together, the first five and a count. Where dtypes differ the result
// has one that holds them all, as torch promotes them.
//
// A head that some models have and others tie to their embedding is a tensor of
// its own in the result: the others give their embedding for it.
func SameNames(in []Header) ([]Unit, error) {
	var units []Unit
	var bad []string
	add := func(info tensor.Info) {
		u := Unit{Out: []tensor.Info{info.Plain()}}
		for port, h := range in {
			other, ok := h.Info(info.Name)
			if !ok {
				other, ok = h.tied(info)
			}
			switch {
			case !ok:
				bad = append(bad, fmt.Sprintf("%s: %s has no such tensor", info.Name, h.Name))
			case !other.Shape.Equal(info.Shape):
				bad = append(bad, fmt.Sprintf("%s: %v in %s, %v in %s", info.Name, info.Shape, in[0].Name, other.Shape, h.Name))
			default:
				u.Out[0].DType = promote(u.Out[0].DType, other.Plain().DType)
			}
			u.In = append(u.In, Operand{port, other.Name})
		}
		units = append(units, u)
	}
	for _, info := range in[0].Infos {
		if info.DType.IsFloat() {
			add(info)
		}
	}
	heads, more := extra(in)
	for _, info := range heads {
		add(info)
	}
	return units, mismatch(in, append(bad, more...))
}

// tied is the embedding of a model that stands for a head which the model does
// not have, and false where the config says that it is not tied or does not
// tell.
func (h Header) tied(head tensor.Info) (tensor.Info, bool) {
	if r := h.Roles.Role(head.Name, head.Shape); r.Kind != tensor.Head || r.Layer >= 0 || !strings.HasSuffix(head.Name, ".weight") {
		return tensor.Info{}, false
	}
	var c struct {
		Tied *bool `json:"tie_word_embeddings"`
	}
	if json.Unmarshal(h.Config, &c) != nil || c.Tied != nil && !*c.Tied {
		return tensor.Info{}, false
	}
	for _, info := range h.Infos {
		if r := h.Roles.Role(info.Name, info.Shape); r.Kind == tensor.Embed && r.Layer < 0 && info.Shape.Equal(head.Shape) {
			return info, true
		}
	}
	return tensor.Info{}, false
}

// promote returns the narrowest dtype that holds both.
func promote(a, b tensor.DType) tensor.DType {
	switch {
	case a == b || !b.IsFloat():
		return a
	case a.Size() != b.Size():
		if a.Size() > b.Size() {
			return a
		}
		return b
	case a.Size() == 2: // bfloat16 and float16
		return tensor.F32
	}
	return tensor.BF16 // both kinds of float8
}

// extra lists float tensors that a later port has and the primary one lacks:
// heads that the primary one ties to its embedding, and others, which to drop in
// silence would lose weights.
func extra(in []Header) (heads []tensor.Info, bad []string) {
	seen := map[string]bool{}
	for _, h := range in[1:] {
		for _, info := range h.Infos {
			if _, ok := in[0].Info(info.Name); ok || !info.DType.IsFloat() || seen[info.Name] {
				continue
			}
			if _, ok := in[0].tied(info); ok {
				heads, seen[info.Name] = append(heads, info), true
				continue
			}
			bad = append(bad, fmt.Sprintf("%s: %s has no such tensor, %s does", info.Name, in[0].Name, h.Name))
		}
	}
	return heads, bad
}
