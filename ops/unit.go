package ops

import (
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
	// Files ride along with the model.
	Files []tensor.File
	// Vocab returns the model's vocabulary, which is read when it is first
	// asked for and not to be changed; tensor.ErrNoVocab when it has none.
	Vocab func() (*vocab.Tokenizer, error)
	// Encode is the model's: it may be nil.
	Encode func(text string) ([]int32, error)
	index  map[string]int
}

// NewHeader indexes a model's headers.
func NewHeader(name string, infos []tensor.Info, m *tensor.Model) Header {
	h := Header{Name: name, Infos: infos, Roles: m.Roles, Config: m.Config, Adapter: m.Adapter, Files: m.Files, Vocab: m.Vocab, Encode: m.Encode, index: make(map[string]int, len(infos))}
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
	// Rows says for each operand of a row kernel which of its rows stands for
	// each row of the output. Nil, alone or of one operand, means the same rows.
	Rows []RowMap
	// Args are numbers that Plan has for the kernel; part of the cache key.
	Args []int
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

// Pick passes a tensor of a port on, unchanged but for its name.
type Pick struct {
	Name string // in the result
	From Operand
}

// SameNames plans one unit for each float tensor of the primary port, reading
// the tensor of that name from every port. Shapes must agree; what does not is
// reported together, the first five and a count.
func SameNames(in []Header) ([]Unit, error) {
	var units []Unit
	var bad []string
	for _, info := range in[0].Infos {
		if !info.DType.IsFloat() {
			continue
		}
		u := Unit{Out: []tensor.Info{info.Plain()}}
		for port, h := range in {
			other, ok := h.Info(info.Name)
			switch {
			case !ok:
				bad = append(bad, fmt.Sprintf("%s: %s has no such tensor", info.Name, h.Name))
			case !other.Shape.Equal(info.Shape):
				bad = append(bad, fmt.Sprintf("%s: %v in %s, %v in %s", info.Name, info.Shape, in[0].Name, other.Shape, h.Name))
			}
			u.In = append(u.In, Operand{port, info.Name})
		}
		units = append(units, u)
	}
	bad = append(bad, extra(in)...)
	return units, mismatch(bad)
}

// extra lists float tensors that a later port has and the primary one lacks:
// dropping them in silence would lose weights.
func extra(in []Header) []string {
	var bad []string
	for _, h := range in[1:] {
		for _, info := range h.Infos {
			if _, ok := in[0].Info(info.Name); !ok && info.DType.IsFloat() {
				bad = append(bad, fmt.Sprintf("%s: %s has no such tensor, %s does", info.Name, in[0].Name, h.Name))
			}
		}
	}
	return bad
}

// mismatch makes one error of many: the first five and a count.
func mismatch(bad []string) error {
	if len(bad) == 0 {
		return nil
	}
	shown := bad
	if len(shown) > 5 {
		shown = shown[:5]
	}
	return fmt.Errorf("%d tensors do not fit each other (are the models of one architecture and size?):\n  %s", len(bad), strings.Join(shown, "\n  "))
}
