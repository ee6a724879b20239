package tokenizer

import "fmt"

// cut is a range of bytes of a piece.
type cut struct{ start, end int }

// behavior says what becomes of the matches that split a piece.
type behavior int

const (
	removed behavior = iota
	isolated
	mergedWithPrevious
	mergedWithNext
	contiguous
)

func behaviorOf(name string) (behavior, error) {
	for i, n := range []string{"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"} {
		if n == name {
			return behavior(i), nil
		}
	}
	return 0, fmt.Errorf("unknown split behavior %q", name)
}

// splitter cuts pieces at the matches of a pattern.
type splitter struct {
	pattern pattern
	how     behavior
	invert  bool // what lies between the matches takes their part
}

func (p splitter) split(dst []text, t text) ([]text, error) {
	if t.s == "" {
		return dst, nil
	}
	if p.how == isolated { // matches and gaps alike: invert changes nothing
		return p.isolate(dst, t)
	}
	found, err := findAll(p.pattern, t.s, t.steps)
	if err != nil {
		return dst, err
	}
	for _, c := range p.arrange(stretches(found, len(t.s), p.invert)) {
		if c.start < c.end {
			dst = append(dst, t.slice(c.start, c.end))
		}
	}
	return dst, nil
}

// isolate is the common case, without a list in between.
func (p splitter) isolate(dst []text, t text) ([]text, error) {
	done := 0
	err := p.pattern.each(t.s, t.steps, func(a, b int) {
		if done < a {
			dst = append(dst, t.slice(done, a))
		}
		if a < b {
			dst = append(dst, t.slice(a, b))
		}
		done = b
	})
	if done < len(t.s) {
		dst = append(dst, t.slice(done, len(t.s)))
	}
	return dst, err
}

// stretch is a match or what lies between two.
type stretch struct {
	cut
	match bool
}

func stretches(found []cut, n int, invert bool) []stretch {
	out := make([]stretch, 0, 2*len(found)+1)
	done := 0
	for _, c := range found {
		if done < c.start {
			out = append(out, stretch{cut{done, c.start}, invert})
		}
		out = append(out, stretch{c, !invert})
		done = c.end
	}
	if done < n {
		out = append(out, stretch{cut{done, n}, invert})
	}
	return out
}

// arrange joins parts as the behavior says.
func (p splitter) arrange(ps []stretch) []cut {
	out := make([]cut, 0, len(ps))
	before := false // whether the part before was a match
	for i, q := range ps {
		join := false
		switch p.how {
		case removed:
			if q.match {
				continue
			}
		case mergedWithPrevious:
			join = q.match && !before
		case contiguous:
			join = q.match == before
		case mergedWithNext:
			join = i > 0 && ps[i-1].match && !q.match
		}
		before = q.match
		if join && len(out) > 0 {
			out[len(out)-1].end = q.end
			continue
		}
		out = append(out, q.cut)
	}
	return out
}
