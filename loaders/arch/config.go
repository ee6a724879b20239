package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/rouxml/roux/tensor"
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
	out := config
	set := func(key, value string) { out = replaceFirst(out, key, value) }
	if f.Layers > 0 {
		set(a.family.LayerCount, strconv.Itoa(f.Layers))
	}
	if f.Vocab > 0 {
		set(a.family.Vocabulary, strconv.Itoa(f.Vocab))
	}
	if f.Tied != nil {
		set("tie_word_embeddings", strconv.FormatBool(*f.Tied))
	}
	if f.DType != tensor.Invalid {
		out = setDType(out, top, f.DType)
	}
	var err error
	if f.Layers > 0 {
		for _, key := range a.family.LayerLists {
			if out, err = resizeList(out, key, f.Layers); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func setDType(config []byte, top map[string]json.RawMessage, d tensor.DType) []byte {
	value := strconv.Quote(d.Torch())
	for _, key := range []string{"dtype", "torch_dtype"} {
		if _, ok := top[key]; ok {
			return replaceFirst(config, key, value)
		}
	}
	return insertKey(config, "torch_dtype", value)
}

// replaceFirst changes the value of a key: on the top level or, when it is not
// there, one level down. A document without the key stays as it is.
func replaceFirst(config []byte, key, value string) []byte {
	for _, depth := range []int{1, 2} {
		if from, to, ok := findValue(config, key, depth); ok {
			return bytes.Join([][]byte{config[:from], []byte(value), config[to:]}, nil)
		}
	}
	return config
}

// findValue returns the byte range of a key's value: on the top level (depth
// 1) or in an object below it (depth 2).
func findValue(config []byte, key string, depth int) (from, to int, ok bool) {
	for _, f := range objectFields(config) {
		switch {
		case depth == 1 && f.key == key:
			return f.from, f.to, true
		case depth == 2 && config[f.from] == '{':
			if from, to, ok = findValue(config[f.from:f.to], key, 1); ok {
				return f.from + from, f.from + to, true
			}
		}
	}
	return 0, 0, false
}

// span is a key of an object and where its value stands.
type span struct {
	key      string
	from, to int
}

func objectFields(text []byte) []span {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var fields []span
	for d.More() {
		t, err := d.Token()
		key, isKey := t.(string)
		var raw json.RawMessage
		if err != nil || !isKey || d.Decode(&raw) != nil {
			return nil
		}
		end := int(d.InputOffset())
		fields = append(fields, span{key, end - len(raw), end})
	}
	return fields
}

// insertKey adds a key behind the last of the top level.
func insertKey(config []byte, key, value string) []byte {
	end := bytes.LastIndexByte(config, '}')
	if end < 0 {
		return config
	}
	head := bytes.TrimRight(config[:end], " \t\r\n")
	comma := ","
	if bytes.HasSuffix(head, []byte("{")) {
		comma = ""
	}
	return []byte(fmt.Sprintf("%s%s\n  %q: %s\n%s", head, comma, key, value, config[end:]))
}

// DropKey takes a key of the top level out of a document.
func DropKey(config []byte, key string) []byte {
	fields := objectFields(config)
	for i, f := range fields {
		if f.key != key {
			continue
		}
		from, to := bytes.IndexByte(config, '{')+1, f.to
		if i > 0 {
			from = fields[i-1].to
		} else if comma := bytes.IndexByte(config[to:], ','); comma >= 0 && len(fields) > 1 {
			to += comma + 1
		}
		return bytes.Join([][]byte{config[:from], config[to:]}, nil)
	}
	return config
}

// resizeList makes a list with one value for each layer as long as the model:
// cut when it is too long, its pattern repeated when it is too short.
func resizeList(config []byte, key string, layers int) ([]byte, error) {
	for _, depth := range []int{1, 2} {
		from, to, ok := findValue(config, key, depth)
		if !ok {
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(config[from:to], &list); err != nil || len(list) == 0 || len(list) == layers {
			return config, nil // null, or right already
		}
		parts := make([]string, layers)
		for i := range parts {
			parts[i] = string(list[i%len(list)])
		}
		value := "[" + strings.Join(parts, ", ") + "]"
		return bytes.Join([][]byte{config[:from], []byte(value), config[to:]}, nil), nil
	}
	return config, nil
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
