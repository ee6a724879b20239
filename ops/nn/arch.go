package nn

import (
	"encoding/json"
	"fmt"
	"math"
)

// Arch is an architecture with its sizes: what config.json says, all defaults
// filled in.
type Arch struct {
	Type      string // model_type
	Hidden    int    // width of a hidden state
	Layers    int
	Heads     int // of queries
	KVHeads   int // of keys and values
	HeadDim   int
	FFN       int // width of the feed-forward layers, or of one expert
	Vocab     int // rows of the embedding; a tokenizer may use fewer
	Positions int // longest sequence that the model has positions for
	Experts   int // 0: no mixture of experts
	Active    int // experts that a token uses
	Encoder   bool
	Tied      bool    // the head is the embedding, unless one is stored
	Ends      []int32 // tokens that config.json names as ends of a text

	form                 *family
	embedDim             int
	embedScale, residual float32
	eps                  float64
	pre, parallel        bool
	bias, outBias        bool // of q, k, v and of o
	ffnBias, headBias    bool
	noFinal, qkNorm      bool
	renormalize          bool
	softcap, headCap     float32 // 0: none
	headScale            float32
	act                  activation
	layers               []layer
	denseFFN             int // width of the layers without experts
}

// layer is what may differ from layer to layer.
type layer struct {
	scale  float32 // of attention scores
	window int     // keys that a query sees, itself included; 0: all
	rope   *rope   // nil: no rotation
	moe    bool
}

// Parse reads config.json. It refuses, by the name of the key, an architecture
// or a setting that this package does not compute.
func Parse(config []byte) (*Arch, error) {
	var values map[string]any
	if err := json.Unmarshal(config, &values); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	modelType, _ := values["model_type"].(string)
	f, err := familyOf(modelType)
	if err != nil {
		return nil, err
	}
	s := &settings{values: within(values, f.Within), known: map[string]bool{}}
	a := &Arch{Type: modelType, form: f, Encoder: f.Encoder}
	for _, m := range []map[string]any{values, s.values} {
		if a.Ends, err = ends(m["eos_token_id"]); err != nil {
			return nil, err
		}
		if a.Ends != nil {
			break
		}
	}
	for _, step := range []func(*settings) error{a.sizes, a.scalars, a.flags, a.experts, a.perLayer, s.checkRequired(f), s.checkUnknown(f)} {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// ends reads eos_token_id, which is a token, a list of them, or null.
func ends(v any) ([]int32, error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	var out []int32
	for _, e := range list {
		x, ok := e.(float64)
		if !ok || x != float64(int32(x)) {
			return nil, fmt.Errorf("config.json: eos_token_id is %v, neither a token's number nor a list of them", v)
		}
		out = append(out, int32(x))
	}
	return out, nil
}

// within takes the object of a composite config that describes the network;
// what it does not say is looked for above.
func within(values map[string]any, names []string) map[string]any {
	for _, n := range names {
		if inner, ok := values[n].(map[string]any); ok {
			if _, tied := inner["tie_word_embeddings"]; !tied {
				if v, ok := values["tie_word_embeddings"]; ok {
					inner["tie_word_embeddings"] = v
				}
			}
			return inner
		}
	}
	return values
}

func (a *Arch) sizes(s *settings) (err error) {
	z := &a.form.Sizes
	for _, c := range []struct {
		to *int
		r  ref
	}{{&a.Hidden, z.Hidden}, {&a.Layers, z.Layers}, {&a.Heads, z.Heads}, {&a.Vocab, z.Vocab}, {&a.Positions, z.Positions}} {
		if *c.to, err = s.count(c.r); err != nil {
			return err
		}
	}
	if a.KVHeads, err = s.countOr(z.KVHeads, a.Heads); err != nil {
		return err
	}
	if a.HeadDim, err = s.countOr(z.HeadDim, a.Hidden/a.Heads); err != nil {
		return err
	}
	if a.denseFFN, err = s.countOr(z.FFN, a.form.FFN.WidthTimes*a.Hidden); err != nil {
		return err
	}
	if a.embedDim, err = s.countOr(a.form.Embed.ProjDim, a.Hidden); err != nil {
		return err
	}
	a.FFN = a.denseFFN
	switch {
	case a.Layers > 1<<14:
		return fmt.Errorf("config.json: %d layers are more than any model has", a.Layers)
	case a.KVHeads < 1 || a.Heads%a.KVHeads != 0:
		return fmt.Errorf("config.json: num_key_value_heads is %d, or is missing and taken for it, and %d heads (%s) cannot share so many evenly", a.KVHeads, a.Heads, z.Heads.keys[0])
	case a.HeadDim < 1:
		return fmt.Errorf("config.json: %s is %d, which is less than one for each of %d heads (%s)", z.Hidden.keys[0], a.Hidden, a.Heads, z.Heads.keys[0])
	case a.denseFFN < 1:
		return fmt.Errorf("config.json: %s is missing", z.FFN.keys[0])
	}
	return nil
}

// countOr is count with a value for absence and null. A default of the family
// stands for absence alone.
func (s *settings) countOr(r ref, or int) (int, error) {
	if v, _ := s.find(r); v == nil {
		return or, nil
	}
	return s.count(r)
}

func (a *Arch) scalars(s *settings) error {
	f := a.form
	var softcap, headCap, divide, embed, residual float64
	for _, c := range []struct {
		to       *float64
		r        ref
		def      float64
		positive bool
	}{{&a.eps, f.Norm.Eps, -1, false}, {&softcap, f.Attention.Softcap, 0, true}, {&headCap, f.Head.Softcap, 0, true}, {&divide, f.Head.Divide, 1, true},
		{&embed, f.Embed.Scale, 1, false}, {&residual, f.Residual, 1, false}} {
		x, ok, err := s.number(c.r)
		switch {
		case err != nil:
			return err
		case !ok:
			x = c.def
		case c.positive && x <= 0:
			return fmt.Errorf("config.json: %s is %v, and must be above zero", c.r.keys[0], x)
		}
		*c.to = x
	}
	if a.eps < 0 {
		return fmt.Errorf("config.json: %s must be a number that is not negative", f.Norm.Eps.keys[0])
	}
	if f.Embed.RootScale {
		embed = math.Sqrt(float64(a.Hidden))
	}
	a.softcap, a.headCap, a.headScale = float32(softcap), float32(headCap), float32(1/divide)
	a.embedScale, a.residual = float32(embed), float32(residual)
	name, err := s.text(f.FFN.Act)
	if err != nil {
		return err
	}
	if other, ok := f.FFN.ActAlias[name]; ok {
		name = other
	}
	if a.act, err = activationOf(name); err != nil {
		return fmt.Errorf("config.json: %s is %q: %w", f.FFN.Act.keys[0], name, err)
	}
	return nil
}

func (a *Arch) flags(s *settings) (err error) {
	f := a.form
	for _, c := range []struct {
		to *bool
		r  ref
	}{{&a.pre, f.Norm.Pre}, {&a.parallel, f.Parallel}, {&a.bias, f.Attention.Bias}, {&a.outBias, f.Attention.OutBias}, {&a.ffnBias, f.FFN.Bias},
		{&a.headBias, f.Head.Bias}, {&a.noFinal, f.NoFinal}, {&a.qkNorm, f.Attention.QKNormIf}, {&a.Tied, f.Head.Tied}} {
		if *c.to, err = s.flag(c.r); err != nil {
			return err
		}
	}
	a.qkNorm = f.Attention.QNorm != "" && (a.qkNorm || len(f.Attention.QKNormIf.keys) == 0)
	a.noFinal = a.noFinal || !a.pre || f.FinalNorm == ""
	return nil
}

func (a *Arch) experts(s *settings) (err error) {
	m := a.form.MoE
	if m == nil {
		return nil
	}
	if a.Experts, err = s.count(m.Experts); err != nil {
		return err
	}
	if a.Active, err = s.count(m.Top); err != nil {
		return err
	}
	if a.FFN, err = s.count(m.Width); err != nil {
		return err
	}
	if a.Active > a.Experts || a.Experts > 1<<14 {
		return fmt.Errorf("config.json: %s is %d, of %d experts (%s)", m.Top.keys[0], a.Active, a.Experts, m.Experts.keys[0])
	}
	a.renormalize, err = s.flag(m.Renormalize)
	return err
}
