package schema

import (
	"fmt"
	"math"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Rank says how many singular values to keep: a number (`rank: 64`), a share
// of the sum of squares (`rank: {energy: 0.95}`), a share of the full rank
// (`rank: {ratio: 0.25}`) or those above a threshold (`rank: {threshold: 0.01}`).
type Rank struct {
	Number    int     `yaml:"number"`
	Energy    float64 `yaml:"energy"`
	Ratio     float64 `yaml:"ratio"`
	Threshold float64 `yaml:"threshold"`
}

// DecodeYAML reads any of the forms.
func (r *Rank) DecodeYAML(n *yaml.Node, file, path string) Problems {
	if n.Kind == yaml.ScalarNode {
		v, err := strconv.Atoi(n.Value)
		if err != nil || v < 1 {
			return Problems{{Pos: posOf(n, file), Path: path, Msg: "want a whole number of at least 1, {energy: SHARE}, {ratio: SHARE} or {threshold: VALUE}, found " + describe(n)}}
		}
		r.Number = v
		return nil
	}
	var share struct {
		Energy    float64 `yaml:"energy" check:"optional,>0,<=1" doc:"share of the sum of squares"`
		Ratio     float64 `yaml:"ratio" check:"optional,>0,<=1" doc:"share of the full rank"`
		Threshold float64 `yaml:"threshold" check:"optional,>0" doc:"singular values above it"`
	}
	if problems := Decode(n, file, path, &share); problems != nil {
		return problems
	}
	given := 0
	for _, v := range []float64{share.Energy, share.Ratio, share.Threshold} {
		if v > 0 {
			given++
		}
	}
	if given != 1 {
		return Problems{{Pos: posOf(n, file), Path: path, Msg: "want one of energy, ratio and threshold"}}
	}
	r.Energy, r.Ratio, r.Threshold = share.Energy, share.Ratio, share.Threshold
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
// cols matrix. It is 0 when none exceeds a threshold.
func (r Rank) Of(s []float64, rows, cols int) int {
	if k, ok := r.Known(rows, cols); ok {
		return k
	}
	total := 0.0
	for _, v := range s {
		total += v * v
	}
	return r.OfTotal(s, total)
}

// OfTotal is Of for the first of the singular values alone, when the sum of
// the squares of all of them is known and the rank is not: at most as many as
// there are.
func (r Rank) OfTotal(s []float64, total float64) int {
	sum := 0.0
	for k, v := range s {
		switch {
		case r.Threshold > 0 && v <= r.Threshold:
			return k
		case r.Threshold > 0:
			continue
		}
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
	case r.Threshold > 0:
		return fmt.Sprintf("{threshold: %g}", r.Threshold)
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
	return map[string]any{"anyOf": []any{map[string]any{"type": "integer", "minimum": 1}, share("energy"), share("ratio"),
		map[string]any{"type": "object", "additionalProperties": false, "required": []any{"threshold"},
			"properties": map[string]any{"threshold": map[string]any{"type": "number", "exclusiveMinimum": 0}}}}}
}
