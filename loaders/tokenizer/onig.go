package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Patterns are read in Oniguruma's Ruby syntax, which tokenizer files use.

const (
	maxPattern = 1 << 16 // bytes of a pattern
	maxGroups  = 100     // groups within groups
	maxRepeat  = 1000    // of {n,m}
)

// nodeKind says what a node of a pattern is.
type nodeKind uint8

const (
	nodeSet nodeKind = iota // one character
	nodeCat
	nodeAlt
	nodeRepeat
	nodeGroup  // captures
	nodeAtomic // is not entered again
	nodeAhead
	nodeBehind
	nodeBack // what a group has captured
	nodeAssert
)

// node is a part of a pattern.
type node struct {
	kind             nodeKind
	kids             []*node
	set              *charSet
	min, max         int // nodeRepeat; max -1: no end
	lazy, possessive bool
	not              bool // nodeAhead, nodeBehind
	group            int
	assert           byte // ^ $ A z Z b B
	fold             bool // nodeBack
	literal          rune // of a set of one character, else 0
}

// onig reads a pattern.
type onig struct {
	in     string
	i      int
	depth  int
	groups int
	names  map[string]int
	named  bool // plain groups do not capture where some have names
	fold   bool // (?i)
	dotall bool // (?m), as Ruby calls it
	spaced bool // (?x)
}

// parseOnig reads a pattern and says how many groups it has.
func parseOnig(expr string) (*node, int, error) {
	if len(expr) > maxPattern {
		return nil, 0, fmt.Errorf("a pattern of %d bytes is longer than %d", len(expr), maxPattern)
	}
	o := &onig{in: expr, names: map[string]int{}}
	o.named = strings.Contains(strings.NewReplacer("(?<=", "", "(?<!", "", `\(`, "").Replace(expr), "(?<")
	n, err := o.alternatives()
	if err == nil && o.i < len(o.in) {
		err = errors.New("a ) without its (")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the pattern %q: %w", expr, err)
	}
	return n, o.groups, nil
}

func (o *onig) more() bool { return o.i < len(o.in) }

func (o *onig) take(s string) bool {
	if strings.HasPrefix(o.in[o.i:], s) {
		o.i += len(s)
		return true
	}
	return false
}

func (o *onig) next() rune {
	r, n := utf8.DecodeRuneInString(o.in[o.i:])
	o.i += n
	return r
}

// alternatives reads up to a closing parenthesis or the end. Options that are
// switched on within hold up to there.
func (o *onig) alternatives() (*node, error) {
	fold, dotall, spaced := o.fold, o.dotall, o.spaced
	defer func() { o.fold, o.dotall, o.spaced = fold, dotall, spaced }()
	out := &node{kind: nodeAlt}
	for {
		n, err := o.sequence()
		if err != nil {
			return nil, err
		}
		out.kids = append(out.kids, n)
		if !o.take("|") {
			break
		}
	}
	if len(out.kids) == 1 {
		return out.kids[0], nil
	}
	return out, nil
}

func (o *onig) sequence() (*node, error) {
	out := &node{kind: nodeCat}
	for o.more() && o.in[o.i] != '|' && o.in[o.i] != ')' {
		if o.spaced && o.skipSpace() {
			continue
		}
		n, err := o.atom()
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if n, err = o.quantifiers(n); err != nil {
			return nil, err
		}
		if o.fold && len(out.kids) > 0 && ligature(out.kids[len(out.kids)-1].literal, n.literal) {
			return nil, fmt.Errorf("(?i) with %c%c, for which Oniguruma takes ligatures as well, is not supported", out.kids[len(out.kids)-1].literal, n.literal)
		}
		out.kids = append(out.kids, n)
	}
	return out, nil
}

// ligature says whether two characters fold from one.
func ligature(a, b rune) bool {
	pair := string([]rune{unicode.ToLower(a), unicode.ToLower(b)})
	return pair == "ss" || pair == "ff" || pair == "fi" || pair == "fl" || pair == "st"
}

// skipSpace passes over white space and comments of (?x).
func (o *onig) skipSpace() bool {
	switch c := o.in[o.i]; {
	case c == ' ' || c >= '\t' && c <= '\r':
		o.i++
		return true
	case c == '#':
		if k := strings.IndexByte(o.in[o.i:], '\n'); k >= 0 {
			o.i += k + 1
		} else {
			o.i = len(o.in)
		}
		return true
	}
	return false
}

func (o *onig) one(s *charSet) *node { return &node{kind: nodeSet, set: s} }

// literalNode is one character, in both cases with (?i).
func (o *onig) literalNode(r rune) *node {
	n := o.one(setOf(oneRune(r), o.fold))
	n.literal = r
	return n
}

// atom reads one element; nil for one that matches nothing and needs no node.
func (o *onig) atom() (*node, error) {
	switch c := o.in[o.i]; c {
	case '\\':
		return o.escape()
	case '[':
		if o.fold && strings.HasPrefix(o.in[o.i:], "[^") {
			return nil, errors.New("(?i) with a negated class is not supported: name the letters of both cases, without (?i)")
		}
		f, err := o.class()
		if err != nil {
			return nil, err
		}
		return o.one(setOf(f, o.fold)), nil
	case '(':
		return o.open()
	case '.':
		o.i++
		all := o.dotall
		return o.one(setOf(func(r rune) bool { return all || r != '\n' }, false)), nil
	case '^', '$':
		o.i++
		return &node{kind: nodeAssert, assert: c}, nil
	case '*', '+', '?':
		return nil, fmt.Errorf("a %c with nothing before it", c)
	}
	return o.literalNode(o.next()), nil
}

// quantifiers reads what says how often the element before may stand.
func (o *onig) quantifiers(n *node) (*node, error) {
	for o.more() {
		at := o.i
		least, most, braces, ok := o.quantifier()
		if !ok {
			o.i = at
			return n, nil
		}
		if least > maxRepeat || most > maxRepeat {
			return nil, fmt.Errorf("more than %d repetitions", maxRepeat)
		}
		if most >= 0 && least > most {
			return nil, fmt.Errorf("{%d,%d} is not supported", least, most)
		}
		rep := &node{kind: nodeRepeat, kids: []*node{n}, min: least, max: most}
		switch {
		case braces && least == most && o.take("?"): // not lazy: all of it may be missing
			rep = &node{kind: nodeRepeat, kids: []*node{rep}, max: 1}
		case o.take("?"):
			rep.lazy = true
		case !braces && o.take("+"): // after braces + is a quantifier of its own
			rep.possessive = true
		}
		n = rep
	}
	return n, nil
}

func (o *onig) quantifier() (least, most int, braces, ok bool) {
	switch o.in[o.i] {
	case '*':
		o.i++
		return 0, -1, false, true
	case '+':
		o.i++
		return 1, -1, false, true
	case '?':
		o.i++
		return 0, 1, false, true
	case '{':
		end := strings.IndexByte(o.in[o.i:], '}')
		if end < 0 {
			return 0, 0, false, false
		}
		lo, hi, comma := strings.Cut(o.in[o.i+1:o.i+end], ",")
		o.i += end + 1
		least, most = 0, -1
		var errLo, errHi error
		if lo != "" {
			least, errLo = strconv.Atoi(lo)
		}
		if hi != "" {
			most, errHi = strconv.Atoi(hi)
		}
		if !comma {
			most = least
		}
		return least, most, true, errLo == nil && errHi == nil && (lo != "" || hi != "") && least >= 0
	}
	return 0, 0, false, false
}
