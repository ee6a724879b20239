package schema

import (
	"fmt"
	"math"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Rank says how many singular values to keep: a number (`rank: 64`), a share
// of the sum of squares (`rank: {energy: 0.95}`) or a share of the full rank
// (`rank: {ratio: 0.25}`).
type Rank struct {
	Number int     `yaml:"number"`
	Energy float64 `yaml:"energy"`
	Ratio  float64 `yaml:"ratio"`
}

// DecodeYAML reads any of the forms.
func (r *Rank) DecodeYAML(n *yaml.Node, file, path string) Problems {
	if n.Kind == yaml.ScalarNode {
		v, err := strconv.Atoi(n.Value)
		if err != nil || v < 1 {
			return Problems{{Pos: posOf(n, file), Path: path, Msg: "want a whole number of at least 1, {energy: SHARE} or {ratio: SHARE}, found " + describe(n)}}
		}
		r.Number = v
		return nil
	}
	var share struct {
		Energy float64 `yaml:"energy" check:"optional,>0,<=1" doc:"share of the sum of squares"`
		Ratio  float64 `yaml:"ratio" check:"optional,>0,<=1" doc:"share of the full rank"`
	}
	if problems := Decode(n, file, path, &share); problems != nil {
		return problems
	}
	if (share.Energy > 0) == (share.Ratio > 0) {
		return Problems{{Pos: posOf(n, file), Path: path, Msg: "want either energy or ratio"}}
	}
	r.Energy, r.Ratio = share.Energy, share.Ratio
	return nil
}

// Known returns the rank of a rows x cols matrix when headers alone tell it,
// and false when it depends on the singular values.
func (r Rank) Known(rows, cols int) (int, bool) {
	full := min(rows, cols)
	switch {
	case r.Number > 0:
		return min(r.Number, full), true
	case r.Ratio > 0:
		return min(max(1, int(math.Round(r.Ratio*float64(full)))), full), true
	}
	return 0, false
}

// Of returns the rank for these singular values, largest first, of a rows x
// cols matrix.
func (r Rank) Of(s []float64, rows, cols int) int {
	if k, ok := r.Known(rows, cols); ok {
		return k
	}
	total := 0.0
	for _, v := range s {
		total += v * v
	}
	sum := 0.0
	for k, v := range s {
		if sum += v * v; sum >= r.Energy*total {
			return k + 1
		}
	}
	return len(s)
}

// String writes the rank as a recipe does.
func (r Rank) String() string {
	switch {
	case r.Number > 0:
		return strconv.Itoa(r.Number)
	case r.Energy > 0:
		return fmt.Sprintf("{energy: %g}", r.Energy)
	}
	return fmt.Sprintf("{ratio: %g}", r.Ratio)
}

// TypeName is what help calls the type.
func (Rank) TypeName() string { return "rank" }

// JSONSchema describes the YAML forms.
func (Rank) JSONSchema() map[string]any {
	share := func(name string) map[string]any {
		return map[string]any{"type": "object", "additionalProperties": false, "required": []any{name},
			"properties": map[string]any{name: map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": 1}}}
	}
	return map[string]any{"anyOf": []any{map[string]any{"type": "integer", "minimum": 1}, share("energy"), share("ratio")}}
}
