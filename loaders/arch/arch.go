// Package arch tells each tensor's layer and kind from its name. Families are
// JSON data; a family without data is inferred from names alone.
package arch

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/rouxml/roux/tensor"
)

//go:embed data/*.json
var data embed.FS

// family is what a data file says.
type family struct {
	Family       string                 `json:"family"`
	ModelTypes   []string               `json:"model_types"`
	Tied         bool                   `json:"tied"`        // when the config does not say
	LayerCount   string                 `json:"layer_count"` // key of config.json
	Vocabulary   string                 `json:"vocabulary"`  // key of config.json
	LayerLists   []string               `json:"layer_lists"` // keys with one value for each layer
	ConfigWithin []string               `json:"config_within"`
	Prefixes     []string               `json:"prefixes"` // that may stand before every name
	Kinds        map[string]tensor.Kind `json:"kinds"`
}

// familyOf reads the data of a model type; most files need not be decoded to
// see that they are about others.
func familyOf(modelType string) (f family, known bool, err error) {
	files, err := fs.Glob(data, "data/*.json")
	if err != nil || modelType == "" {
		return f, false, err
	}
	quoted := []byte(strconv.Quote(modelType))
	// The file that bears the type's name comes first: it most likely has it.
	if own := "data/" + modelType + ".json"; slices.Contains(files, own) {
		files = slices.Insert(files, 0, own)
	}
	for _, name := range files {
		text, err := data.ReadFile(name)
		if err != nil {
			return f, false, err
		}
		if !bytes.Contains(text, quoted) {
			continue
		}
		var f family
		if err := json.Unmarshal(text, &f); err != nil {
			return f, false, fmt.Errorf("%s: %w", name, err)
		}
		if slices.Contains(f.ModelTypes, modelType) {
			return f, true, nil
		}
	}
	return f, false, nil
}

// Arch knows the roles of one model's tensors. It implements tensor.Roles.
type Arch struct {
	family   family
	inferred bool
	layers   int
	main     string                 // what stands before the numbers of the text model's layers
	towers   map[string]int         // layers by what stands before their numbers
	pair     bool                   // an encoder and a decoder: the config counts each
	roles    map[string]tensor.Role // of the tensors that it was made for
}

// Resolve picks the family by config.json's model_type; a nil config, or a
// type without data, is inferred from the names.
func Resolve(config []byte, infos []tensor.Info) (*Arch, error) {
	var c struct {
		ModelType string `json:"model_type"`
	}
	if config != nil {
		if err := json.Unmarshal(config, &c); err != nil {
			return nil, fmt.Errorf("config.json: %w", err)
		}
	}
	f, known, err := familyOf(c.ModelType)
	if err != nil {
		return nil, err
	}
	if !known {
		f = family{Family: c.ModelType, LayerCount: "num_hidden_layers", Vocabulary: "vocab_size", LayerLists: []string{"layer_types"}, ConfigWithin: []string{"text_config", "llm_config", "language_config"}}
	}
	a := &Arch{family: f, inferred: !known, roles: make(map[string]tensor.Role, len(infos))}
	parts := make([]parted, len(infos))
	for i, info := range infos {
		parts[i] = split(info.Name)
	}
	a.findTowers(parts)
	for i, info := range infos {
		a.roles[info.Name] = a.role(info.Name, parts[i])
	}
	return a, nil
}

// Family is the model_type, or empty.
func (a *Arch) Family() string { return a.family.Family }

// Notes has a word when layers and kinds were inferred.
func (a *Arch) Notes() []string {
	if !a.inferred || a.layers == 0 {
		return nil
	}
	name := a.family.Family
	if name == "" {
		name = "without config.json"
	}
	return []string{fmt.Sprintf("family %s has no data here: layers and kinds were inferred from the tensors' names", name)}
}

// Layers is the number of transformer layers of the text model.
func (a *Arch) Layers() int { return a.layers }

// parted is a name without its numbers: "a.3.b" is "a.{layer}.b" and 3; later
// numbers become "{expert}". Without a number the layer is -1.
type parted struct {
	pattern string
	layer   int
}

func split(name string) parted {
	layer := -1
	var b strings.Builder
	b.Grow(len(name) + len("{layer}"))
	for rest := name; ; {
		part, after, more := strings.Cut(rest, ".")
		switch n, ok := number(part); {
		case !ok:
			b.WriteString(part)
		case layer < 0:
			layer = n
			b.WriteString("{layer}")
		default:
			b.WriteString("{expert}")
		}
		if !more {
			return parted{b.String(), layer}
		}
		b.WriteByte('.')
		rest = after
	}
}

// number reads a part of a name that is a number of up to five digits.
func number(part string) (n int, ok bool) {
	if len(part) == 0 || len(part) > 5 {
		return 0, false
	}
	for _, c := range []byte(part) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// Role returns the layer and kind of a tensor.
func (a *Arch) Role(name string, _ tensor.Shape) tensor.Role {
	if r, ok := a.roles[name]; ok {
		return r
	}
	return a.role(name, split(name))
}

func (a *Arch) role(name string, p parted) tensor.Role {
	r := tensor.Role{Layer: p.layer, Kind: a.kind(name, p.pattern)}
	tower := towerOf(p.pattern)
	if p.layer >= 0 && tower == a.main {
		return r
	}
	if p.layer >= 0 {
		r.Tower = tower
	}
	r.Foreign = Foreign(name)
	return r
}

// kind is what the family's data say, or else the name.
func (a *Arch) kind(name, pattern string) tensor.Kind {
	if kind, ok := a.known(pattern); ok {
		return kind
	}
	return inferKind(name)
}

func (a *Arch) known(pattern string) (tensor.Kind, bool) {
	if kind, ok := a.family.Kinds[pattern]; ok {
		return kind, true
	}
	for _, prefix := range a.family.Prefixes {
		if short, had := strings.CutPrefix(pattern, prefix); had {
			if kind, ok := a.family.Kinds[short]; ok {
				return kind, true
			}
		}
	}
	return "", false
}

// words maps pieces of names to kinds; the first that a name contains wins.
var words = []struct {
	piece string
	kind  tensor.Kind
}{
	{"rotary", tensor.Other}, {"inv_freq", tensor.Other}, {"position_ids", tensor.Other},
	{"layernorm", tensor.Norm}, {"layer_norm", tensor.Norm}, {"norm", tensor.Norm}, {"ln_", tensor.Norm}, {".ln", tensor.Norm},
	{"embed_out", tensor.Head}, {"lm_head", tensor.Head}, {"classifier", tensor.Head}, {"score", tensor.Head},
	{"pooler", tensor.Head}, {"vocab_transform", tensor.Head}, {"vocab_projector", tensor.Head},
	{"embed", tensor.Embed}, {"wte", tensor.Embed}, {"wpe", tensor.Embed},
	{"query_key_value", tensor.AttnQKV}, {"qkv", tensor.AttnQKV}, {"c_attn", tensor.AttnQKV}, {"wqkv", tensor.AttnQKV},
	{"router", tensor.MoERouter}, {"mlp.gate.", tensor.MoERouter}, {"moe.gate.", tensor.MoERouter},
	{"q_proj", tensor.AttnQ}, {"query", tensor.AttnQ}, {".wq.", tensor.AttnQ},
	{"k_proj", tensor.AttnK}, {".key", tensor.AttnK}, {".wk.", tensor.AttnK},
	{"v_proj", tensor.AttnV}, {"value", tensor.AttnV}, {".wv.", tensor.AttnV},
	{"o_proj", tensor.AttnO}, {"out_proj", tensor.AttnO}, {".wo.", tensor.AttnO}, {"attn.c_proj", tensor.AttnO}, {"attention.dense", tensor.AttnO},
	{"gate_up", tensor.MLPGateUp}, {"gate_proj", tensor.MLPGate}, {".w1.", tensor.MLPGate},
	{"up_proj", tensor.MLPUp}, {".w3.", tensor.MLPUp}, {"c_fc", tensor.MLPUp}, {"fc1", tensor.MLPUp}, {"h_to_4h", tensor.MLPUp}, {"intermediate.dense", tensor.MLPUp},
	{"down_proj", tensor.MLPDown}, {".w2.", tensor.MLPDown}, {"mlp.c_proj", tensor.MLPDown}, {"fc2", tensor.MLPDown}, {"4h_to_h", tensor.MLPDown}, {"output.dense", tensor.MLPDown},
}

// experts maps kinds of a dense block to those of an expert.
var experts = map[tensor.Kind]tensor.Kind{
	tensor.MLPGate: tensor.MoEGate, tensor.MLPUp: tensor.MoEUp, tensor.MLPDown: tensor.MoEDown, tensor.MLPGateUp: tensor.MoEGate,
}

func inferKind(name string) tensor.Kind {
	lower := strings.ToLower(name)
	if strings.HasSuffix(lower, ".bias") {
		return tensor.Bias
	}
	for _, w := range words {
		if strings.Contains(lower, w.piece) {
			if k, ok := experts[w.kind]; ok && strings.Contains(lower, "experts.") {
				return k
			}
			return w.kind
		}
	}
	return tensor.Other
}
