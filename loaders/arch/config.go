package arch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

// Facts is what a model's final headers say; zero fields change nothing.
type Facts struct {
	Layers int
	Vocab  int
	DType  tensor.DType
	Tied   *bool
}

// EditConfig changes what the facts contradict in config.json and keeps all
// else to the letter: order, spacing and the spelling of numbers.
func (a *Arch) EditConfig(config []byte, f Facts) ([]byte, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(config, &top); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if f.Layers > 0 && !a.pair {
		config = a.set(config, a.family.LayerCount, strconv.Itoa(a.layerCount(config, f.Layers)))
		for _, key := range a.family.LayerLists {
			for _, path := range a.places(key) {
				config = resizeList(config, path, a.layerCount(config, f.Layers))
			}
		}
	}
	if f.Vocab > 0 {
		config = a.set(config, a.family.Vocabulary, strconv.Itoa(f.Vocab))
	}
	if f.Tied != nil {
		config = a.set(config, "tie_word_embeddings", strconv.FormatBool(*f.Tied))
	}
	if f.DType != tensor.Invalid {
		config = a.setDType(config, top, f.DType)
	}
	return config, nil
}

// Rename makes config.json name another class of model; nil stays nil.
func Rename(config []byte, architecture string) []byte {
	if config == nil {
		return nil
	}
	return jsontext.Set(config, "["+strconv.Quote(architecture)+"]", "architectures")
}

// set replaces a key wherever the family keeps it: on the top level, and in the
// part of the config that is about the text model.
func (a *Arch) set(config []byte, key, value string) []byte {
	for _, path := range a.places(key) {
		config = jsontext.Replace(config, value, path...)
	}
	return config
}

// places are the paths at which a key may stand.
func (a *Arch) places(key string) [][]string {
	paths := [][]string{{key}}
	for _, part := range a.family.ConfigWithin {
		paths = append(paths, []string{part, key})
	}
	return paths
}

func (a *Arch) setDType(config []byte, top map[string]json.RawMessage, d tensor.DType) []byte {
	value := strconv.Quote(d.Torch())
	for _, key := range []string{"dtype", "torch_dtype"} {
		if _, ok := top[key]; ok {
			return jsontext.Replace(config, value, key)
		}
	}
	for _, path := range slices.Concat(a.places("dtype"), a.places("torch_dtype"))[1:] {
		if _, _, ok := jsontext.Find(config, path...); ok {
			return jsontext.Replace(config, value, path...)
		}
	}
	return jsontext.Set(config, value, "torch_dtype")
}

// layerCount is what num_hidden_layers must say: layers that predict further
// tokens are numbered with the others but not counted.
func (a *Arch) layerCount(config []byte, layers int) int {
	for _, path := range a.places("num_nextn_predict_layers") {
		from, to, ok := jsontext.Find(config, path...)
		if !ok {
			continue
		}
		if more, err := strconv.Atoi(string(config[from:to])); err == nil && more > 0 && more < layers && !a.says(config, layers) {
			return layers - more
		}
	}
	return layers
}

// says tells whether the config gives this number of layers.
func (a *Arch) says(config []byte, layers int) bool {
	for _, path := range a.places(a.family.LayerCount) {
		if from, to, ok := jsontext.Find(config, path...); ok && string(config[from:to]) == strconv.Itoa(layers) {
			return true
		}
	}
	return false
}

// resizeList makes a list with one value for each layer as long as the model:
// cut when it is too long, its pattern repeated when it is too short.
func resizeList(config []byte, path []string, layers int) []byte {
	from, to, ok := jsontext.Find(config, path...)
	if !ok {
		return config
	}
	var list []json.RawMessage
	if err := json.Unmarshal(config[from:to], &list); err != nil || len(list) == 0 || len(list) == layers {
		return config // null, or right already
	}
	parts := make([]string, layers)
	for i := range parts {
		parts[i] = string(list[i%len(list)])
	}
	return jsontext.Replace(config, "["+strings.Join(parts, ", ")+"]", path...)
}

// Tied says whether the head is the embedding: the config or the family says
// so and no tensor is a head.
func (a *Arch) Tied(config []byte, infos []tensor.Info) bool {
	for _, info := range infos {
		if a.Role(info.Name, info.Shape) == (tensor.Role{Layer: -1, Kind: tensor.Head}) {
			return false
		}
	}
	var c struct {
		Tied *bool `json:"tie_word_embeddings"`
	}
	if json.Unmarshal(config, &c) == nil && c.Tied != nil {
		return *c.Tied
	}
	return a.family.Tied
}
