package nn

import (
	"fmt"
	"math"
)

// perLayer resolves the patterns over layers: windows, rotation, experts.
func (a *Arch) perLayer(s *settings) error {
	a.layers = make([]layer, a.Layers)
	scale, err := a.scoreScale(s)
	if err != nil {
		return err
	}
	byNumber, err := s.flag(a.form.Attention.LayerScale)
	if err != nil {
		return err
	}
	for i := range a.layers {
		a.layers[i].scale = float32(scale)
		if byNumber {
			a.layers[i].scale = float32(scale / float64(i+1))
		}
	}
	for _, step := range []func(*settings) error{a.ropes, a.windows, a.sparse} {
		if err := step(s); err != nil {
			return err
		}
	}
	return nil
}

// scoreScale is what scores are multiplied by.
func (a *Arch) scoreScale(s *settings) (float64, error) {
	x, ok, err := s.number(a.form.Attention.Scale)
	if err != nil || !ok {
		return 1 / math.Sqrt(float64(a.HeadDim)), err
	}
	if a.form.Attention.ScalePower < 0 && x <= 0 {
		return 0, fmt.Errorf("config.json: %s is %v, and must be above zero", a.form.Attention.Scale.keys[0], x)
	}
	return math.Pow(x, a.form.Attention.ScalePower), nil
}

// windows gives each layer its window.
func (a *Arch) windows(s *settings) error {
	f := &a.form.Attention
	size, some, err := s.number(f.Window)
	if err != nil {
		return err
	}
	if len(f.WindowIf.keys) > 0 {
		use, err := s.flag(f.WindowIf)
		if err != nil {
			return err
		}
		some = some && use
	}
	if some && (size < 1 || size != math.Trunc(size)) {
		return fmt.Errorf("config.json: %s is %v", f.Window.keys[0], size)
	}
	slides, err := a.sliding(s)
	if err != nil {
		return err
	}
	for i := range a.layers {
		if some && slides[i] {
			a.layers[i].window = int(min(size, 1<<28)) // longer than any text
		}
	}
	return a.sameTypes(s)
}

// sameTypes refuses a list of layers' types that says of a layer what is not so.
func (a *Arch) sameTypes(s *settings) error {
	types, err := a.layerTypes(s)
	if err != nil || types == nil {
		return err
	}
	for i, l := range a.layers {
		if stated := types[i] == "sliding_attention"; stated != (l.window > 0) {
			return fmt.Errorf("config.json: layer_types has %v in layer %d, and the other keys of model type %s make it the other kind: mend it, or remove it", types[i], i, a.Type)
		}
	}
	return nil
}

// sliding says which layers have a window, where there is one.
func (a *Arch) sliding(s *settings) ([]bool, error) {
	f := &a.form.Attention
	out := make([]bool, a.Layers)
	from, err := s.every(f.WindowFrom, 0)
	if err != nil {
		return nil, err
	}
	every, err := s.every(f.FullEvery, 1)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = i >= from && (every < 1 || (i+1)%every != 0) && (!f.WindowNoRope || a.layers[i].rope == nil)
	}
	types, err := a.layerTypes(s)
	if types == nil || err != nil || !f.LayerTypes {
		return out, err
	}
	for i := range out {
		out[i] = types[i] == "sliding_attention"
	}
	return out, nil
}

// layerTypes is the list of layers' types, or none.
func (a *Arch) layerTypes(s *settings) ([]any, error) {
	types, err := s.list(ref{keys: []string{"layer_types"}})
	if types == nil || err != nil {
		return nil, err
	}
	if len(types) < a.Layers {
		return nil, fmt.Errorf("config.json: layer_types has %d entries for %d layers", len(types), a.Layers)
	}
	for i, kind := range types[:a.Layers] {
		if kind != "sliding_attention" && kind != "full_attention" {
			return nil, fmt.Errorf("config.json: layer_types has %v in layer %d, which cannot be run; only full_attention and sliding_attention can", kind, i)
		}
	}
	return types, nil
}

// sparse says which layers have experts.
func (a *Arch) sparse(s *settings) error {
	m := a.form.MoE
	if m == nil {
		return nil
	}
	dense, err := s.list(m.DenseLayers)
	if err != nil {
		return err
	}
	step, err := s.every(m.Step, 1)
	if err != nil {
		return err
	}
	for i := range a.layers {
		a.layers[i].moe = step < 1 || (i+1)%step == 0
	}
	for _, d := range dense {
		n, ok := d.(float64)
		if !ok || n != math.Trunc(n) {
			return fmt.Errorf("config.json: %s has %v, which is no number of a layer", m.DenseLayers.keys[0], d)
		}
		if n >= 0 && n < float64(a.Layers) {
			a.layers[int(n)].moe = false
		}
	}
	return nil
}
