package peft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders/torch"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

// Apply returns the base model with the adapter added: the same names, shapes
// and dtypes, each adapted tensor computed when it is read. The base must be
// plain where the adapter changes it.
func Apply(base *tensor.Model, a *Adapter) (*tensor.Model, error) {
	src := &adapted{base: base.Weights, changed: map[string]tensor.Tensor{}}
	var bad []string
	put := func(t tensor.Tensor, why string) {
		if why != "" {
			bad = append(bad, why)
		} else if t != nil {
			src.changed[t.Info().Name] = t
		}
	}
	// Saved tensors first: an embedding may be saved and have factors as well.
	for _, s := range a.Layout.Saved {
		put(a.save(src, s))
	}
	for _, m := range a.Layout.Modules {
		put(a.merge(src, m))
		if m.Bias != nil {
			put(a.bias(src, m))
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return nil, fmt.Errorf("the adapter was made for another base: %d modules do not fit:\n  %s", len(bad), strings.Join(bad[:min(5, len(bad))], "\n  "))
	}
	out := *base
	out.Weights, out.Keeps = src, base.Keeps+torch.Keeps(a.file)
	return &out, nil
}

// adapted is a base with some tensors replaced.
type adapted struct {
	base    tensor.Source
	changed map[string]tensor.Tensor
}

// Infos lists the base's headers.
func (s *adapted) Infos() []tensor.Info { return s.base.Infos() }

// Tensor returns the adapted tensor, or the base's.
func (s *adapted) Tensor(name string) (tensor.Tensor, bool) {
	if t, ok := s.changed[name]; ok {
		return t, true
	}
	return s.base.Tensor(name)
}

// plain finds a tensor of the base that can be changed.
func plain(base tensor.Source, name string) (tensor.Tensor, string) {
	w, ok := base.Tensor(name)
	switch {
	case !ok:
		return nil, name + ": the base has no such tensor"
	case w.Info().Quant != nil || !w.Info().DType.IsFloat():
		return nil, name + ": the base stores it quantized"
	}
	return w, ""
}

// save puts a whole tensor in the place of the base's. A head that PEFT tied to
// the embedding may be missing there.
func (a *Adapter) save(base tensor.Source, s lora.Saved) (tensor.Tensor, string) {
	old, why := plain(base, s.Name)
	if why != "" {
		if _, ok := base.Tensor(s.Name); !ok && a.Layout.Config.Tied {
			return nil, ""
		}
		return nil, why
	}
	t, _ := a.file.Tensor(s.Info.Name)
	info := old.Info()
	if !info.Shape.Equal(s.Info.Shape) {
		return nil, fmt.Sprintf("%s: %v in the base, %v in the adapter", s.Name, info.Shape, s.Info.Shape)
	}
	return &saved{info: info, from: t}, ""
}

func (a *Adapter) merge(base tensor.Source, m lora.Module) (tensor.Tensor, string) {
	name := m.Name + ".weight"
	w, why := plain(base, name)
	if why != "" {
		return nil, why
	}
	transposed, ok := m.Fit(a.Layout.Config, w.Info().Shape)
	if !ok {
		return nil, fmt.Sprintf("%s: %v in the base, %v x %v in the adapter", name, w.Info().Shape, m.B.Shape, m.A.Shape)
	}
	t := &merged{base: w, module: m, transposed: transposed}
	t.a, _ = a.file.Tensor(m.A.Name)
	t.b, _ = a.file.Tensor(m.B.Name)
	if m.Magnitude != nil {
		t.magnitude, _ = a.file.Tensor(m.Magnitude.Name)
	}
	return t, ""
}

func (a *Adapter) bias(base tensor.Source, m lora.Module) (tensor.Tensor, string) {
	name := m.Name + ".bias"
	old, why := plain(base, name)
	switch {
	case why != "":
		return nil, why
	case old.Info().Shape.Numel() != m.Out:
		return nil, fmt.Sprintf("%s: %v in the base, %v in the adapter", name, old.Info().Shape, m.Bias.Shape)
	}
	t, _ := a.file.Tensor(m.Bias.Name)
	return &shifted{base: old, by: t, scale: float32(m.Scale)}, ""
}
