package nn

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed families/*.json
var families embed.FS

// family is what a file of families says: everything in which an architecture
// differs from others. Names of tensors are without ".weight"; {e} stands for
// an expert and {h} for a head.
type family struct {
	// Like names the family that this one differs from: its file is read first,
	// and this one is laid over it, object by object; null deletes.
	Like       string
	ModelTypes []string
	Within     []string       // objects of config.json that may hold the network's own keys
	Prefix     []string       // that may stand before all names
	Layer      string         // what stands before the names of layer {i}
	Require    map[string]any // keys that must have this value where they are there
	Known      []string       // keys of no effect here that look as if they had one
	Unused     []string       // tensors of no effect, as patterns of path.Match
	Transposed bool           // linear weights are stored [in, out]

	Sizes struct{ Hidden, Layers, Heads, KVHeads, HeadDim, Vocab, Positions, FFN ref }

	Embed struct {
		Tokens, Positions, Types, Norm, ProjIn string
		Offset                                 int  // of learned positions
		RootScale                              bool // times the root of the hidden size
		Scale                                  ref
		ProjDim                                ref // width of the embedding where it is not the hidden size
	}
	Norm struct {
		Kind   string // "rms" or "layer"
		Eps    ref
		Offset float32 // added to the gain
		Pre    ref     // false: a norm comes behind its branch's addition
	}
	Parallel  ref  // both branches read the same x
	ShareNorm bool // where parallel, the branches also share their norm
	Residual  ref  // factor of a branch before it is added
	Encoder   bool // every token sees every other; there is no head
	Attention attentionForm
	FFN       ffnForm
	MoE       *moeForm
	FinalNorm string
	NoFinal   ref // true: there is no final norm
	Head      headForm
}

type attentionForm struct {
	Norm, Post    string // norm of the input, norm of the output
	Q, K, V, O    string
	QKV           string // one matrix of all three
	QKVByHead     bool   // its rows are [head, q k v, head size]
	QNorm, KNorm  string
	QKNorm        string // "head": one gain for all heads; "heads": one each; "row": over all heads
	QKNormIf      ref
	Bias, OutBias ref
	Scale         ref
	ScalePower    float64 // of Scale
	LayerScale    ref     // true: divided by the layer's number, from 1
	Softcap       ref
	Window        ref
	WindowIf      ref
	WindowFrom    ref // first layer with a window
	FullEvery     ref // of so many layers the last has no window
	WindowNoRope  bool
	LayerTypes    bool // a list layer_types beats every pattern; elsewhere it must agree
	NoRope        ref  // list, 0 for a layer without rotation
	NoRopeEvery   ref
	Rope          ropeForm
}

type ropeForm struct {
	Theta, Partial, Local, Original ref
	Parts                           bool              // heads may be turned in part, by any scaling but proportional; elsewhere by that alone
	Alias                           map[string]string // other words for types of scaling
	Nested                          bool              // the type stands under rope_type alone, and truncate means nothing
	Twins                           []string          // keys without effect that must say what Theta and Partial say
}

type ffnForm struct {
	Norm, Post     string
	Act            ref
	ActAlias       map[string]string
	Gate, Up, Down string
	GateUp         string // one matrix of both
	Bias           ref
	WidthTimes     int // width where the config says none, in hidden sizes
}

type moeForm struct {
	Router         string
	Gate, Up, Down string
	GateUp, DownAt string // tensors [expert, ...] of all experts
	Experts, Top   ref
	Width          ref
	Renormalize    ref
	DenseLayers    ref
	Step           ref
}

type headForm struct {
	Weight, ProjOut string
	Tied            ref
	Bias            ref
	Softcap, Divide ref
}

// familyOf reads the family of a model type.
func familyOf(modelType string) (*family, error) {
	files, err := fs.Glob(families, "families/*.json")
	if err != nil {
		return nil, err
	}
	var types []string
	for _, file := range files {
		var head struct{ ModelTypes []string }
		text, err := families.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if slices.Contains(head.ModelTypes, modelType) {
			return readFamily(strings.TrimSuffix(path.Base(file), ".json"))
		}
		types = append(types, head.ModelTypes...)
	}
	slices.Sort(types)
	if modelType == "" {
		return nil, fmt.Errorf("config.json: model_type is missing, so the architecture is unknown")
	}
	return nil, fmt.Errorf("config.json: model_type %q cannot be run; those that can: %s", modelType, strings.Join(types, ", "))
}

// readFamily reads a family and those that it is like.
func readFamily(name string) (*family, error) {
	merged, err := familyText(name, 0)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return nil, err
	}
	f := new(family)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("families/%s.json: %w", name, err)
	}
	return f, nil
}

func familyText(name string, depth int) (map[string]any, error) {
	text, err := families.ReadFile("families/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var own map[string]any
	if err := json.Unmarshal(text, &own); err != nil {
		return nil, fmt.Errorf("families/%s.json: %w", name, err)
	}
	like, _ := own["like"].(string)
	if like == "" || depth > 8 {
		return own, nil
	}
	base, err := familyText(like, depth+1)
	if err != nil {
		return nil, err
	}
	overlay(base, own)
	return base, nil
}

// overlay lays b over a, object by object; null deletes.
func overlay(a, b map[string]any) {
	for k, v := range b {
		below, both := a[k].(map[string]any)
		above, object := v.(map[string]any)
		switch {
		case v == nil:
			delete(a, k)
		case both && object:
			overlay(below, above)
		default:
			a[k] = v
		}
	}
}
