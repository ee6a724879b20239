package gguf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// model is what files hold under Hugging Face's names: a tensor.Source.
type model struct {
	files  pieces
	header *Header
	family family
	infos  []tensor.Info
	list   []tensor.Tensor
	index  map[string]int
	alien  []string // tensors that have no Hugging Face name and keep ggml's
}

// used are tensors that become a part of config.json.
var used = map[string]bool{"rope_freqs.weight": true, "rope_factors_long.weight": true, "rope_factors_short.weight": true}

// rename maps all tensors of the files.
func rename(files pieces, fam family) (*model, error) {
	m := &model{files: files, header: files.header(), family: fam, index: map[string]int{}}
	for _, f := range files {
		for i := range f.infos {
			if used[f.infos[i].Name] {
				continue
			}
			if err := m.take(f.stored(i)); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func (m *model) take(t *loaders.Stored) error {
	ggml := t.Header.Name
	name, pattern, ok := m.family.name(ggml)
	if !ok {
		m.alien = append(m.alien, ggml)
		return m.add(t)
	}
	t.Header.Name = name
	if strings.Contains(name, "{e}") {
		return m.split(t)
	}
	changed, err := m.undo(t, pattern)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", ggml, err)
	}
	return m.add(changed)
}

func (m *model) add(t tensor.Tensor) error {
	info := t.Info()
	if _, twice := m.index[info.Name]; twice {
		return fmt.Errorf("two tensors are %q by Hugging Face's names", info.Name)
	}
	m.index[info.Name] = len(m.list)
	m.infos = append(m.infos, info)
	m.list = append(m.list, t)
	return nil
}

// split gives each index of the first dimension a tensor of its own.
func (m *model) split(t *loaders.Stored) error {
	if len(t.Header.Shape) < 2 {
		return fmt.Errorf("tensor %q has shape %v, and a dimension of experts or heads is needed", t.Header.Name, t.Header.Shape)
	}
	for e := range t.Header.Shape[0] {
		part := *t
		part.Header.Name = strings.ReplaceAll(t.Header.Name, "{e}", strconv.Itoa(e))
		part.Header.Shape = t.Header.Shape[1:]
		part.Begin += int64(e) * part.Header.Bytes()
		if err := m.add(&part); err != nil {
			return err
		}
	}
	return nil
}

// undo takes back what llama.cpp's converter changed in a tensor.
func (m *model) undo(t *loaders.Stored, pattern string) (tensor.Tensor, error) {
	f, shape := &m.family, t.Header.Shape
	heads, turned := map[string]string{"blk.{i}.attn_q": "attention.head_count", "blk.{i}.attn_k": "attention.head_count_kv"}[pattern]
	switch {
	case f.Adjacent && turned:
		return m.pairs(t, heads)
	case f.ByHead == pattern:
		return m.byHead(t)
	case f.NormOffset != 0 && strings.HasSuffix(pattern, "norm") && len(shape) == 1:
		return lowered(t, f.NormOffset), nil
	case f.Transposed && strings.HasPrefix(pattern, "blk.") && len(shape) == 2:
		return transposed(t), nil
	}
	return t, nil
}

// headRows is how many rows, or elements of a vector, each of so many heads has.
func headRows(t *loaders.Stored, heads int64) (int, error) {
	n := int64(t.Header.Shape.Numel())
	if len(t.Header.Shape) > 1 {
		n = int64(t.Header.Shape[0])
	} else if t.Header.Quant != nil {
		return 0, fmt.Errorf("a vector in blocks of %s cannot be put in order", t.Header.Quant.Block)
	}
	if heads < 1 || n%heads != 0 || n == 0 {
		return 0, fmt.Errorf("its %d rows are not those of %d heads", n, heads)
	}
	return int(n / heads), nil
}

// pairs puts the halves of each head after one another again, whose rows take
// turns where neighbours are rotated.
func (m *model) pairs(t *loaders.Stored, key string) (tensor.Tensor, error) {
	heads, err := m.header.number(key, "attention.head_count")
	if err != nil {
		return nil, err
	}
	d, err := headRows(t, heads)
	if err != nil || d%2 != 0 {
		return nil, fmt.Errorf("heads of %d rows have no halves: %w", d, errOr(err))
	}
	return permuted(t, "halves", d, func(r int) int {
		head, i := r/d*d, r%d
		return head + i%(d/2)*2 + i/(d/2)
	}), nil
}

// byHead puts q, k and v of each head together again.
func (m *model) byHead(t *loaders.Stored) (tensor.Tensor, error) {
	heads, err := m.header.number("attention.head_count")
	if err != nil {
		return nil, err
	}
	d, err := headRows(t, 3*heads)
	if err != nil {
		return nil, err
	}
	return permuted(t, "by head", d, func(r int) int {
		head, part := r/(3*d), r/d%3
		return (part*int(heads)+head)*d + r%d
	}), nil
}

func errOr(err error) error {
	if err == nil {
		return fmt.Errorf("the file is damaged")
	}
	return err
}

// Infos lists the headers in the order of the bytes.
func (m *model) Infos() []tensor.Info { return m.infos }

// Tensor returns a tensor by Hugging Face's name.
func (m *model) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := m.index[name]
	if !ok {
		return nil, false
	}
	return m.list[i], true
}
