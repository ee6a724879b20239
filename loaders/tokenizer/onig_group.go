package tokenizer

import (
	"errors"
	"fmt"
	"strings"
)

var errGroup = errors.New("a ( is not closed")

// open reads a group, an option switch or a comment.
func (o *onig) open() (*node, error) {
	if o.depth++; o.depth > maxGroups {
		return nil, errors.New("groups stand too deep within each other")
	}
	defer func() { o.depth-- }()
	o.i++
	if !o.take("?") {
		if o.named {
			return o.inner(&node{kind: nodeCat})
		}
		o.groups++
		return o.inner(&node{kind: nodeGroup, group: o.groups})
	}
	switch {
	case o.take("#"):
		end := strings.IndexByte(o.in[o.i:], ')')
		if end < 0 {
			return nil, errGroup
		}
		o.i += end + 1
		return nil, nil
	case o.take(":"):
		return o.inner(&node{kind: nodeCat})
	case o.take(">"):
		return o.inner(&node{kind: nodeAtomic})
	case o.take("="):
		return o.inner(&node{kind: nodeAhead})
	case o.take("!"):
		return o.inner(&node{kind: nodeAhead, not: true})
	case o.take("<="):
		return o.inner(&node{kind: nodeBehind})
	case o.take("<!"):
		return o.inner(&node{kind: nodeBehind, not: true})
	case o.take("<"):
		return o.namedGroup()
	}
	return o.options()
}

func (o *onig) inner(n *node) (*node, error) {
	kid, err := o.alternatives()
	if err != nil {
		return nil, err
	}
	if !o.take(")") {
		return nil, errGroup
	}
	n.kids = []*node{kid}
	return n, nil
}

func (o *onig) namedGroup() (*node, error) {
	end := strings.IndexByte(o.in[o.i:], '>')
	if end <= 0 {
		return nil, errGroup
	}
	name := o.in[o.i : o.i+end]
	o.i += end + 1
	if o.names[name] != 0 {
		return nil, fmt.Errorf("two groups are named %q, which is not supported", name)
	}
	o.groups++
	o.names[name] = o.groups
	return o.inner(&node{kind: nodeGroup, group: o.groups})
}

// options reads (?imx-imx) and (?imx-imx:...).
func (o *onig) options() (*node, error) {
	fold, dotall, spaced := o.fold, o.dotall, o.spaced
	on := true
	for o.more() {
		switch c := o.next(); c {
		case '-':
			on = false
		case 'i':
			fold = on
		case 'm':
			dotall = on
		case 'x':
			spaced = on
		case ')': // up to the end of the group around, other alternatives included
			o.fold, o.dotall, o.spaced = fold, dotall, spaced
			kid, err := o.alternatives()
			return kid, err
		case ':':
			before := [3]bool{o.fold, o.dotall, o.spaced}
			o.fold, o.dotall, o.spaced = fold, dotall, spaced
			n, err := o.inner(&node{kind: nodeCat})
			o.fold, o.dotall, o.spaced = before[0], before[1], before[2]
			return n, err
		default:
			return nil, fmt.Errorf("(?%c is not supported", c)
		}
	}
	return nil, errGroup
}

// asserts are escapes that match between characters.
const asserts = "AzZbB"

// escape reads \x outside of a class.
func (o *onig) escape() (*node, error) {
	if o.i+1 >= len(o.in) {
		return nil, errors.New("it ends with a backslash")
	}
	c := o.in[o.i+1]
	switch {
	case strings.IndexByte(asserts, c) >= 0:
		o.i += 2
		return &node{kind: nodeAssert, assert: c}, nil
	case c == 'R':
		o.i += 2
		line := &node{kind: nodeCat, kids: []*node{o.one(setOf(oneRune('\r'), false)), o.one(setOf(oneRune('\n'), false))}}
		any := o.one(setOf(func(r rune) bool { return r >= '\n' && r <= '\r' || r == 0x85 || r == 0x2028 || r == 0x2029 }, false))
		return &node{kind: nodeAtomic, kids: []*node{{kind: nodeAlt, kids: []*node{line, any}}}}, nil
	case c >= '1' && c <= '9':
		o.i += 2
		if o.named || int(c-'0') > o.groups {
			return nil, fmt.Errorf(`\%c is no group before it`, c)
		}
		return &node{kind: nodeBack, group: int(c - '0'), fold: o.fold}, nil
	case c == 'k':
		return o.backName()
	}
	f, r, err := o.classEscape(onigWord)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return o.literalNode(r), nil
	}
	return o.one(setOf(f, false)), nil // (?i) folds no property that stands alone
}

func (o *onig) backName() (*node, error) {
	end := strings.IndexByte(o.in[o.i:], '>')
	if end < 4 || o.in[o.i+2] != '<' {
		return nil, errors.New(`\k is not supported here`)
	}
	name := o.in[o.i+3 : o.i+end]
	o.i += end + 1
	g := o.names[name]
	if g == 0 {
		return nil, fmt.Errorf(`\k<%s> is no group before it`, name)
	}
	return &node{kind: nodeBack, group: g, fold: o.fold}, nil
}
