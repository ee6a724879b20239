package tokenizer

import (
	"errors"
	"fmt"
)

// opcode is what an instruction does.
type opcode uint8

const (
	opSet    opcode = iota // one character of set
	opRun                  // as many of set as there are, from least to most; gives back one by one
	opTake                 // the same, and gives none back
	opSplit                // goes on at x, or if that fails at y
	opJump                 // goes on at x
	opSave                 // notes the place in register x
	opMoved                // goes on at y if the place is that of register x
	opAtomic               // the code up to x-1 has one way
	opAhead                // the code up to x-1 matches here; with not, it does not
	opBehind               // it ends here after y characters
	opBack                 // what registers x and x+1 hold
	opAssert               // assert holds here
	opAccept
)

// inst is one instruction.
type inst struct {
	op          opcode
	set         *charSet
	x, y        int32
	least, most int
	not         bool
	assert      byte
}

// maxCode bounds a compiled pattern: counted repeats are written out.
const maxCode = 20_000

var errCode = errors.New("its repetitions make it too long")

// compiler turns a pattern into code.
type compiler struct {
	code  []inst
	regs  int32 // how many registers there are
	nodes int   // how many have been written, some of them as no code
}

// compileOnig makes the code of a pattern.
func compileOnig(expr string) ([]inst, int, error) {
	n, groups, err := parseOnig(expr)
	if err != nil {
		return nil, 0, err
	}
	c := &compiler{regs: int32(2*groups + 2)}
	if err := c.node(n); err != nil {
		return nil, 0, fmt.Errorf("the pattern %q: %w", expr, err)
	}
	c.add(inst{op: opAccept})
	return c.code, int(c.regs), nil
}

func (c *compiler) add(i inst) int {
	c.code = append(c.code, i)
	return len(c.code) - 1
}

func (c *compiler) here() int32 { return int32(len(c.code)) }

func (c *compiler) node(n *node) error {
	if c.nodes++; len(c.code) > maxCode || c.nodes > 10*maxCode {
		return errCode
	}
	switch n.kind {
	case nodeSet:
		c.add(inst{op: opSet, set: n.set})
	case nodeAssert:
		c.add(inst{op: opAssert, assert: n.assert})
	case nodeBack:
		c.add(inst{op: opBack, x: int32(2 * n.group), not: n.fold})
	case nodeCat:
		for _, k := range n.kids {
			if err := c.node(k); err != nil {
				return err
			}
		}
	case nodeAlt:
		return c.alternatives(n.kids)
	case nodeRepeat:
		return c.repeat(n)
	case nodeGroup:
		c.add(inst{op: opSave, x: int32(2 * n.group)})
		err := c.node(n.kids[0])
		c.add(inst{op: opSave, x: int32(2*n.group + 1)})
		return err
	case nodeAtomic:
		return c.closed(inst{op: opAtomic}, n.kids[0])
	case nodeAhead:
		return c.closed(inst{op: opAhead, not: n.not}, n.kids[0])
	case nodeBehind:
		return c.behind(n)
	}
	return nil
}

// closed writes code that runs by itself.
func (c *compiler) closed(i inst, n *node) error {
	at := c.add(i)
	err := c.node(n)
	c.add(inst{op: opAccept})
	c.code[at].x = c.here()
	return err
}

func (c *compiler) alternatives(kids []*node) error {
	var ends []int
	for i, k := range kids {
		split := -1
		if i < len(kids)-1 {
			split = c.add(inst{op: opSplit, x: c.here() + 1})
		}
		if err := c.node(k); err != nil {
			return err
		}
		if split >= 0 {
			ends = append(ends, c.add(inst{op: opJump}))
			c.code[split].y = c.here()
		}
	}
	for _, e := range ends {
		c.code[e].x = c.here()
	}
	return nil
}

func (c *compiler) repeat(n *node) error {
	kid := n.kids[0]
	if kid.kind == nodeSet && !n.lazy {
		op := opRun
		if n.possessive {
			op = opTake
		}
		c.add(inst{op: op, set: kid.set, least: n.min, most: n.max})
		return nil
	}
	if n.possessive {
		return c.closed(inst{op: opAtomic}, &node{kind: nodeRepeat, kids: n.kids, min: n.min, max: n.max})
	}
	for range n.min {
		if err := c.node(kid); err != nil {
			return err
		}
	}
	if n.max < 0 {
		return c.loop(kid, n.lazy)
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, c.add(inst{op: opSplit}))
		if err := c.node(kid); err != nil {
			return err
		}
	}
	for _, s := range splits {
		c.split(s, int32(s+1), c.here(), n.lazy)
	}
	return nil
}

// split sets the two ways of an opSplit: on, or out.
func (c *compiler) split(at int, on, out int32, lazy bool) {
	if lazy {
		on, out = out, on
	}
	c.code[at].x, c.code[at].y = on, out
}

// loop repeats without end; a turn that matched nothing is the last.
func (c *compiler) loop(kid *node, lazy bool) error {
	at := c.add(inst{op: opSplit})
	reg := c.regs
	c.regs++
	c.add(inst{op: opSave, x: reg})
	if err := c.node(kid); err != nil {
		return err
	}
	moved := c.add(inst{op: opMoved, x: reg})
	c.add(inst{op: opJump, x: int32(at)})
	c.code[moved].y = c.here()
	c.split(at, int32(at+1), c.here(), lazy)
	return nil
}

// behind writes each alternative of a lookbehind, all of which have a length.
func (c *compiler) behind(n *node) error {
	kids := []*node{n.kids[0]}
	if n.kids[0].kind == nodeAlt {
		kids = n.kids[0].kids
	}
	var ways []*node
	for _, k := range kids {
		if _, ok := length(k); !ok {
			return errors.New("a lookbehind without a fixed length is not supported")
		}
		ways = append(ways, k)
	}
	if n.not { // none of them
		for _, k := range ways {
			if err := c.oneBehind(k, true); err != nil {
				return err
			}
		}
		return nil
	}
	var ends []int
	for i, k := range ways {
		split := -1
		if i < len(ways)-1 {
			split = c.add(inst{op: opSplit, x: c.here() + 1})
		}
		if err := c.oneBehind(k, false); err != nil {
			return err
		}
		if split >= 0 {
			ends = append(ends, c.add(inst{op: opJump}))
			c.code[split].y = c.here()
		}
	}
	for _, e := range ends {
		c.code[e].x = c.here()
	}
	return nil
}

func (c *compiler) oneBehind(n *node, not bool) error {
	k, _ := length(n)
	return c.closed(inst{op: opBehind, y: int32(k), not: not}, n)
}

// length is how many characters a node takes, if that is fixed.
func length(n *node) (int, bool) {
	switch n.kind {
	case nodeSet:
		return 1, true
	case nodeAssert, nodeAhead, nodeBehind:
		return 0, true
	case nodeCat, nodeGroup, nodeAtomic:
		sum := 0
		for _, k := range n.kids {
			l, ok := length(k)
			if !ok {
				return 0, false
			}
			sum += l
		}
		return sum, true
	case nodeRepeat:
		l, ok := length(n.kids[0])
		return l * n.min, ok && n.min == n.max
	case nodeAlt:
		first, ok := length(n.kids[0])
		for _, k := range n.kids[1:] {
			l, fixed := length(k)
			ok = ok && fixed && l == first
		}
		return first, ok
	}
	return 0, false
}
