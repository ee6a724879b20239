package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// rules is what the tags of a field say.
type rules struct {
	name     string
	inline   bool
	doc      string
	def      string
	hasDef   bool
	required bool
	previous bool
	enum     []string
	min      *int // length of a list
	bounds   []bound
}

// bound is one comparison that a number must pass.
type bound struct {
	op string // ">", ">=", "<", "<="
	v  float64
}

func (b bound) holds(v float64) bool {
	switch b.op {
	case ">":
		return v > b.v
	case ">=":
		return v >= b.v
	case "<":
		return v < b.v
	}
	return v <= b.v
}

// parseTag reads `yaml`, `check`, `default`, `doc` and `previous`.
func parseTag(tag reflect.StructTag) rules {
	name, opts, _ := strings.Cut(tag.Get("yaml"), ",")
	r := rules{name: name, inline: opts == "inline", doc: tag.Get("doc")}
	r.def, r.hasDef = tag.Lookup("default")
	_, r.previous = tag.Lookup("previous")
	optional := r.hasDef || r.previous
	for _, c := range strings.Split(tag.Get("check"), ",") {
		if c == "optional" {
			optional = true
		}
		r.rule(strings.TrimSpace(c))
	}
	r.required = !optional
	return r
}

func (r *rules) rule(c string) {
	if list, ok := strings.CutPrefix(c, "enum="); ok {
		r.enum = strings.Split(list, "|")
		return
	}
	if n, ok := strings.CutPrefix(c, "min="); ok {
		if v, err := strconv.Atoi(n); err == nil {
			r.min = &v
		}
		return
	}
	if lo, hi, ok := strings.Cut(c, ".."); ok {
		r.bounds = append(r.bounds, parseBound(">="+lo), parseBound("<="+hi))
		return
	}
	if strings.HasPrefix(c, ">") || strings.HasPrefix(c, "<") {
		r.bounds = append(r.bounds, parseBound(c))
	}
}

func parseBound(s string) bound {
	op := s[:1]
	if strings.HasPrefix(s[1:], "=") {
		op = s[:2]
	}
	v, err := strconv.ParseFloat(s[len(op):], 64)
	if err != nil {
		panic("schema: bad check tag " + s) // a mistake in the source, met by the first test
	}
	return bound{op, v}
}

// inRange says what is wrong with a number, or nil.
func (r rules) inRange(v float64) error {
	for _, b := range r.bounds {
		if !b.holds(v) {
			return fmt.Errorf("%v is out of range: want %s", v, r.rangeText())
		}
	}
	return nil
}

func (r rules) rangeText() string {
	parts := make([]string, len(r.bounds))
	for i, b := range r.bounds {
		parts[i] = b.op + " " + strconv.FormatFloat(b.v, 'g', -1, 64)
	}
	return strings.Join(parts, " and ")
}

func (r rules) inEnum(s string) error {
	if r.enum == nil || slices.Contains(r.enum, s) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", s, strings.Join(r.enum, ", "))
}
