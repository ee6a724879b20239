package lora

import (
	"fmt"

	"github.com/rouxml/roux/tensor"
)

// Module is what an adapter holds for one module.
type Module struct {
	Name      string
	A, B      tensor.Info
	Magnitude *tensor.Info // DoRA's
	Bias      *tensor.Info // of lora_B
	Embedding bool
	Rank      int
	In, Out   int
	Scale     float64
}

// Saved is a whole tensor that takes the place of one of the base.
type Saved struct {
	Name string // in the base
	Info tensor.Info
}

// Layout is an adapter as its config and headers tell it.
type Layout struct {
	Config  Config
	Modules []Module // in the order of their first tensors
	Saved   []Saved
	Reports map[string]tensor.Info // by module, or by a saved tensor's name

	index map[string]int
	whole map[string]bool // names of Saved
}

// Module returns what the adapter holds for a module, or false.
func (l *Layout) Module(name string) (Module, bool) {
	i, ok := l.index[name]
	if !ok {
		return Module{}, false
	}
	return l.Modules[i], true
}

// Read sorts an adapter's tensors by what they are for. It refuses adapters
// that are not LoRA, and factors that do not fit each other.
func Read(config []byte, infos []tensor.Info) (*Layout, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	l := &Layout{Config: c, Reports: map[string]tensor.Info{}, index: map[string]int{}, whole: map[string]bool{}}
	for _, info := range infos {
		if err := l.take(info); err != nil {
			return nil, err
		}
	}
	for i := range l.Modules {
		if err := l.Modules[i].check(c); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Layout) take(info tensor.Info) error {
	n, err := Split(info.Name)
	if err != nil {
		return err
	}
	switch n.Part {
	case Whole:
		if l.whole[n.Module] {
			return fmt.Errorf("tensor %s is there twice, as %s too", n.Module, info.Name)
		}
		l.whole[n.Module] = true
		l.Saved = append(l.Saved, Saved{n.Module, info})
		return nil
	case Report:
		l.Reports[n.Module] = info
		return nil
	case original:
		return nil
	}
	i, ok := l.index[n.Module]
	if !ok {
		i = len(l.Modules)
		l.index[n.Module] = i
		l.Modules = append(l.Modules, Module{Name: n.Module})
	}
	m := &l.Modules[i]
	m.Embedding = m.Embedding || n.Embedding
	if m.has(n.Part) {
		return fmt.Errorf("module %s has a part twice, as %s too", n.Module, info.Name)
	}
	switch n.Part {
	case A:
		m.A = info
	case B:
		m.B = info
	case Magnitude:
		m.Magnitude = &info
	case Bias:
		m.Bias = &info
	}
	return nil
}

func (m *Module) has(p Part) bool {
	return p == A && m.A.Name != "" || p == B && m.B.Name != "" || p == Magnitude && m.Magnitude != nil || p == Bias && m.Bias != nil
}

// check sees that the factors fit each other. Those of a convolution have more
// dimensions, whose product counts.
func (m *Module) check(c Config) error {
	if m.A.Name == "" || m.B.Name == "" {
		return fmt.Errorf("module %s lacks one of its two factors", m.Name)
	}
	a, b := m.A.Shape, m.B.Shape
	if len(a) < 2 || len(b) < 2 || a.Numel() == 0 || b.Numel() == 0 {
		return fmt.Errorf("module %s: factors of %v and %v are no matrices (were the shards of a partitioned run not gathered before saving?)", m.Name, b, a)
	}
	m.Rank, m.Out = a[0], b[0]
	m.In = a.Numel() / m.Rank
	if b.Numel()/m.Out != m.Rank {
		return fmt.Errorf("module %s: factors of %v and %v cannot be multiplied", m.Name, b, a)
	}
	m.Scale = c.Scale(m.Name, m.Rank)
	if n := m.Magnitude; n != nil && n.Shape.Numel() != m.Out {
		return fmt.Errorf("module %s: %d magnitudes for %d outputs", m.Name, n.Shape.Numel(), m.Out)
	}
	if c.DoRA && m.Magnitude == nil {
		return fmt.Errorf("module %s: the adapter is DoRA and lacks its magnitudes", m.Name)
	}
	if m.Bias != nil && m.Bias.Shape.Numel() != m.Out {
		return fmt.Errorf("module %s: a bias of %v for %d outputs", m.Name, m.Bias.Shape, m.Out)
	}
	return nil
}

// Fit says how the product of the factors lies in a weight of that shape: as
// it is, or transposed, as in embeddings and in GPT-2's maps from in to out.
func (m Module) Fit(c Config, w tensor.Shape) (transposed, ok bool) {
	if len(w) < 2 || w.Numel() == 0 {
		return false, false
	}
	rows, cols := w[0], w.Numel()/w[0]
	straight, turned := rows == m.Out && cols == m.In, rows == m.In && cols == m.Out
	if m.Embedding {
		return true, turned
	}
	return turned && (c.FanInFanOut || !straight), straight || turned
}
