package resize

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// tower is one stack of layers of a model.
type tower struct {
	role   string // as tensor.Role has it: empty for the text model's
	prefix string // what stands before the layers' numbers
	layers int
	rivals []string // prefixes of the model's other towers
	rest   bool     // what is as near to another tower is of this one
}

// towerOf finds the text model's layers, or the one tower whose prefix contains
// the name.
func towerOf(name string, h ops.Header) (tower, error) {
	all := towersOf(h)
	if name == "" && pair(h) {
		return tower{}, fmt.Errorf("%s has an encoder and a decoder: say which to stack (tower: encoder, or tower: decoder; in a mergekit file, modules)", h.Name)
	}
	var found, others []tower
	for _, t := range all {
		if name == "" && t.role == "" || name != "" && strings.Contains(t.prefix, name) && (t.prefix == name || !between(t.prefix)) {
			found = append(found, t)
		} else if !between(t.prefix) {
			others = append(others, t)
		}
	}
	switch {
	case len(found) == 0 && name == "":
		return tower{}, nil // no layers
	case len(found) != 1:
		return tower{}, fmt.Errorf("%d towers of %s are named %s: its layers are those of %s", len(found), h.Name, name, strings.Join(prefixes(all), ", "))
	}
	t := found[0]
	t.rivals, t.rest = prefixes(others), t.role == ""
	if pair(h) {
		t.rest = strings.Contains(t.prefix, "decoder")
	}
	return t, nil
}

// between says whether a name is of a module between a tower and the
// text model, such as Qwen2-VL's visual.merger.mlp.
func between(prefix string) bool {
	prefix = strings.ReplaceAll(prefix, "vocab_projector", "") // DistilBERT's head
	return slices.ContainsFunc([]string{"merger", "projector", "connector"}, func(word string) bool { return strings.Contains(prefix, word) })
}

func prefixes(all []tower) (list []string) {
	for _, t := range all {
		list = append(list, t.prefix)
	}
	return list
}

// towersOf lists a model's stacks of layers by their names.
func towersOf(h ops.Header) []tower {
	all := map[string]tower{}
	for _, info := range h.Infos {
		role := h.Roles.Role(info.Name, info.Shape)
		if role.Layer < 0 {
			continue
		}
		t, ok := all[role.Tower]
		if !ok {
			before, _, _ := strings.Cut(info.Name, fmt.Sprintf(".%d.", role.Layer))
			t = tower{role: role.Tower, prefix: before}
		}
		t.layers = max(t.layers, role.Layer+1)
		all[role.Tower] = t
	}
	list := make([]tower, 0, len(all))
	for _, role := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[role])
	}
	return list
}

// pair says whether the model is of an encoder and a decoder.
func pair(h ops.Header) bool {
	var c struct {
		Pair bool `json:"is_encoder_decoder"`
	}
	return json.Unmarshal(h.Config, &c) == nil && c.Pair
}

// has says whether a tensor is in one of the tower's layers.
func (t tower) has(r tensor.Role) bool { return r.Layer >= 0 && r.Tower == t.role }

// beforeLayers are words in the names of norms and biases that stand before the
// layers.
var beforeLayers = []string{"embed", "ln_pre", "pre_layer", "pre_layr", "pre_norm"}

// behind says whether a tensor outside the layers stands behind them: a norm, a
// head, or the bias of one, that is of this tower by its name.
func (t tower) behind(name string, r tensor.Role) bool {
	switch r.Kind {
	case tensor.Norm, tensor.Head, tensor.Bias:
	default:
		return false
	}
	lower := strings.ToLower(name)
	return r.Layer < 0 && t.owns(name, r) && !slices.ContainsFunc(beforeLayers, func(word string) bool { return strings.Contains(lower, word) })
}

// owns says whether a tensor outside all layers is of this tower: no other has
// more of the name's first parts.
func (t tower) owns(name string, r tensor.Role) bool {
	if between(name) {
		return false
	}
	mine, most := common(name, t.prefix), -1
	for _, other := range t.rivals {
		most = max(most, common(name, other))
	}
	if mine > most {
		return mine > 0 || !r.Foreign
	}
	return mine == most && t.rest && !r.Foreign
}

// common is how many parts two names begin with alike.
func common(a, b string) (n int) {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	return n
}
