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
			a.layers[i].window = int(size)
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
	from, _, err := s.number(f.WindowFrom)
	if err != nil {
		return nil, err
	}
	every, _, err := s.number(f.FullEvery)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = i >= int(from) && (every < 1 || (i+1)%int(every) != 0) && (!f.WindowNoRope || a.layers[i].rope == nil)
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
	step, ok, err := s.number(m.Step)
	if err != nil {
		return err
	}
	for i := range a.layers {
		a.layers[i].moe = !ok || step < 1 || (i+1)%int(step) == 0
	}
	for _, d := range dense {
		if n, ok := d.(float64); ok && n >= 0 && int(n) < a.Layers {
			a.layers[int(n)].moe = false
		}
	}
	return nil
}
