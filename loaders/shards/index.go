package shards

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders"
)

// maxIndex bounds the size of an index file.
const maxIndex = 256 << 20

// readIndex returns the shard names in order and the map of tensors to them.
func readIndex(dir string, form Form) (names []string, weightMap map[string]string, err error) {
	text, err := loaders.ReadInside(dir, form.Index, maxIndex)
	if err != nil {
		return nil, nil, err
	}
	return parseIndex(text, form.Ext)
}

func parseIndex(text []byte, ext string) (names []string, weightMap map[string]string, err error) {
	var raw struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, nil, fmt.Errorf("not an index of shards: %w", err)
	}
	if len(raw.WeightMap) == 0 {
		return nil, nil, errors.New("not an index of shards: weight_map is empty")
	}
	seen := map[string]bool{}
	for _, shard := range raw.WeightMap {
		if seen[shard] {
			continue
		}
		if !plainName(shard, ext) {
			return nil, nil, fmt.Errorf("shard name %q is not a plain file name that ends in %s", shard, ext)
		}
		seen[shard] = true
		names = append(names, shard)
	}
	slices.Sort(names)
	return names, raw.WeightMap, nil
}

func plainName(s, ext string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00") && strings.HasSuffix(s, ext)
}
