// Package schema makes one params struct the single source of a step's YAML
// decoding, checks, defaults, JSON Schema, help and Markdown reference, and
// holds the value types of the recipe language: references to models, curves
// over layers, predicates over tensors and sizes in bytes.
package schema

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Pos is a place in a file. Lines and columns count from one; a zero Line
// means that the place is unknown.
type Pos struct {
	File         string
	Line, Column int
}

// String returns "file:line:column", or the file alone when there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing that is wrong in a file.
type Problem struct {
	Pos  Pos
	Path string // where in the document, such as "steps.merged.density"
	Msg  string
	Cure string // what to do about it; may be empty
}

// Error returns "file:line:column: path: message (cure)".
func (p Problem) Error() string {
	var b strings.Builder
	if p.Pos.File != "" {
		b.WriteString(p.Pos.String() + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Msg)
	if p.Cure != "" {
		b.WriteString(" (" + p.Cure + ")")
	}
	return b.String()
}

// Problems are all the things found wrong in one pass.
type Problems []Problem

// Error lists the problems, one on a line, in the order of their places.
func (ps Problems) Error() string {
	ps = slices.Clone(ps)
	ps.Sort()
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort orders the problems by place.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
}

// Err returns the problems as an error, or nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Suggest returns the word among those given that is nearest to what was
// typed, or "" when none is near enough to be meant.
func Suggest(word string, among []string) string {
	best, dist := "", max(min(2, len(word)/2), (len(word)+1)/3)+1
	for _, w := range slices.Sorted(slices.Values(among)) {
		d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(w))
		if d < dist {
			best, dist = w, d
		}
	}
	if best == "" && len(word) > 3 {
		for _, w := range slices.Sorted(slices.Values(among)) {
			if strings.HasPrefix(strings.ToLower(w), strings.ToLower(word)) {
				return w
			}
		}
	}
	return best
}

// Meant phrases a suggestion as a cure: `did you mean "x"?`, or is empty.
func Meant(word string, among []string) string {
	if s := Suggest(word, among); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return ""
}

// MeantOp is Meant for names such as merge.ties, of which people write the
// second part alone.
func MeantOp(word string, among []string) string {
	if s := Meant(word, among); s != "" || strings.Contains(word, ".") {
		return s
	}
	whole := map[string]string{}
	for _, name := range among {
		if _, bare, ok := strings.Cut(name, "."); ok && whole[bare] == "" {
			whole[bare] = name
		}
	}
	if bare := Suggest(word, slices.Collect(maps.Keys(whole))); bare != "" {
		return fmt.Sprintf("did you mean %q?", whole[bare])
	}
	return ""
}

// DidYouMean phrases a suggestion as a cure: `did you mean "x"?`, or lists the
// words when there are few, or is empty.
func DidYouMean(word string, among []string) string {
	if s := Meant(word, among); s != "" {
		return s
	}
	if n := len(among); n > 0 && n <= 12 {
		return "known: " + strings.Join(slices.Sorted(slices.Values(among)), ", ")
	}
	return ""
}
