package nn

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/rouxml/roux/tensor"
)

// names makes tensors' full names out of a family's.
type names struct {
	prefix string
	layer  string // prefix and beginning of a layer's names; {i} is its number
}

// findPrefix picks the first of the family's prefixes under which there is an
// embedding.
func findPrefix(f *family, src tensor.Source) (names, error) {
	for _, p := range f.Prefix {
		if _, ok := src.Tensor(p + f.Embed.Tokens + ".weight"); ok {
			return names{p, p + f.Layer}, nil
		}
	}
	return names{}, fmt.Errorf("no tensor %s%s.weight: these are not the weights of a model of type %s", f.Prefix[0], f.Embed.Tokens, f.ModelTypes[0])
}

// at returns what stands before a name in layer i, or outside for -1.
func (n names) at(i int) string {
	if i < 0 {
		return n.prefix
	}
	return strings.ReplaceAll(n.layer, "{i}", strconv.Itoa(i))
}

// all returns the alternatives of a name, in layer i or outside.
func (n names) all(i int, name, end string) []string {
	var out []string
	for _, one := range strings.Split(name, "|") {
		out = append(out, n.at(i)+one+end)
	}
	return out
}

// part reads tensors by the names of one layer, or those outside for -1. After
// an error it reads nothing more.
type part struct {
	*reader
	names
	f *family
	i int
}

func (p *part) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// linear reads a weight and, where there is to be one, its bias.
func (p *part) linear(name string, in, out int, bias bool) *matrix {
	if name == "" || p.err != nil {
		return nil
	}
	names := p.all(p.i, name, ".weight")
	t, ok := p.find(names...)
	if !ok {
		p.fail(fmt.Errorf("tensor %s is missing", names[0]))
		return nil
	}
	w, err := p.matrixOf(t, in, out, p.f.Transposed)
	if err != nil {
		p.fail(err)
		return nil
	}
	if bias {
		w.bias = p.vector(name, ".bias", out)
	}
	return w
}

// vector reads a tensor of one dimension.
func (p *part) vector(name, end string, n int) []float32 {
	if p.err != nil {
		return nil
	}
	names := p.all(p.i, name, end)
	t, ok := p.find(names...)
	if !ok {
		p.fail(fmt.Errorf("tensor %s is missing", names[0]))
		return nil
	}
	if info := t.Info(); info.Shape.Numel() != n || len(info.Shape) != 1 {
		p.fail(shapeError(info, tensor.Shape{n}))
		return nil
	}
	x, err := p.floats(t)
	if err != nil {
		p.fail(err)
	}
	return x
}

// table reads a tensor of whole rows without keeping it.
func (p *part) table(name string, rows, cols int) tensor.Tensor {
	if name == "" || p.err != nil {
		return nil
	}
	names := p.all(-1, name, ".weight")
	t, ok := p.find(names...)
	if !ok {
		p.fail(fmt.Errorf("tensor %s is missing", names[0]))
		return nil
	}
	if info := t.Info(); !info.Shape.Equal(tensor.Shape{rows, cols}) {
		p.fail(shapeError(info, tensor.Shape{rows, cols}))
	}
	return t
}

// checkUsed refuses a tensor of the network's layers that nothing read: it
// would be left out in silence.
func checkUsed(f *family, n names, layers int, src tensor.Source, used map[string]bool) error {
	before, _, _ := strings.Cut(n.layer, "{i}")
	for _, info := range src.Infos() {
		rest, ok := strings.CutPrefix(info.Name, before)
		if !ok || used[info.Name] || matches(f.Unused, info.Name) {
			continue
		}
		number, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(number); err != nil || i >= layers {
			continue
		}
		return fmt.Errorf("tensor %s has no place in a model of type %s with this config.json", info.Name, f.ModelTypes[0])
	}
	return nil
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}
