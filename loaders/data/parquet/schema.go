package parquet

import (
	"errors"
	"fmt"
)

const (
	maxDepth   = 40      // of nested groups
	maxColumns = 100_000 // nodes of the schema
)

// physical is how a column's values are stored.
type physical int32

// The physical types.
const (
	boolean physical = iota
	int32s
	int64s
	int96s
	floats
	doubles
	byteArrays
	fixedArrays
)

// width is the bytes of a value, 0 where they differ or are bits.
func (p physical) width() int {
	return [...]int{boolean: 0, int32s: 4, int64s: 8, int96s: 12, floats: 4, doubles: 8, byteArrays: 0, fixedArrays: 0}[p]
}

// How often a node stands in its parent.
const (
	required = iota
	optional
	repeated
)

// kind is what a node becomes.
type kind int

const (
	leaf   kind = iota // a value
	record             // map[string]any
	list               // []any
	dict               // map[string]any by the keys of a map
)

// node is a field of a row. At a definition level below def it is null; a list or
// map whose level is below item is empty, and rep is the repetition level at
// which it goes on.
type node struct {
	name      string
	kind      kind
	def, item uint8
	rep       uint8
	children  []*node // of a list its element, of a map its key and value
	leaves    []*column
}

// builder makes the tree of a schema, whose elements it takes in their order.
type builder struct {
	elements []element
	at       int
	columns  []*column
}

// build makes the tree of a schema.
func build(elements []element) (*node, []*column, error) {
	if len(elements) == 0 {
		return nil, nil, errors.New("damaged: it has no schema")
	}
	b := &builder{elements: elements}
	elements[0].repetition = required
	root, err := b.node(0, 0, 0)
	if err == nil && b.at != len(elements) {
		err = fmt.Errorf("damaged: its schema has %d columns too many", len(elements)-b.at)
	}
	if err == nil && root.kind != record {
		err = errors.New("damaged: its schema is no group of columns")
	}
	return root, b.columns, err
}

// next is the element that is next.
func (b *builder) next() (*element, error) {
	if b.at == len(b.elements) {
		return nil, errors.New("damaged: its schema ends too early")
	}
	b.at++
	return &b.elements[b.at-1], nil
}

// node reads an element and those below it. A repeated one that is not the
// inside of a list is a list itself.
func (b *builder) node(def, rep uint8, depth int) (*node, error) {
	e, err := b.next()
	if err != nil {
		return nil, err
	}
	switch e.repetition {
	case required:
		return b.bare(e, def, rep, depth)
	case optional:
		return b.bare(e, def+1, rep, depth)
	case repeated:
		element, err := b.bare(e, def+1, rep+1, depth)
		if err != nil {
			return nil, err
		}
		return &node{name: e.name, kind: list, def: def, item: def + 1, rep: rep + 1, children: []*node{element}, leaves: element.leaves}, nil
	}
	return nil, fmt.Errorf("damaged: the column %q has the repetition %d", e.name, e.repetition)
}

// bare reads the elements below one that is there at the levels given.
func (b *builder) bare(e *element, def, rep uint8, depth int) (*node, error) {
	switch {
	case depth > maxDepth:
		return nil, fmt.Errorf("the column %q nests too deeply: write it with %d levels at most", e.name, maxDepth)
	case e.children < 0 || int(e.children) > len(b.elements)-b.at:
		return nil, fmt.Errorf("damaged: the group %q says that it has %d columns", e.name, e.children)
	case e.children == 0 && e.physical >= 0:
		return b.leaf(e, def, rep)
	case e.children == 0 && depth > 0:
		return nil, fmt.Errorf("the column %q is a group without columns: leave it out", e.name)
	}
	inner := e.children == 1 && b.at < len(b.elements) && b.elements[b.at].repetition == repeated
	switch {
	case inner && depth > 0 && e.logical.isList():
		return b.list(e, def, rep, depth)
	case inner && depth > 0 && e.logical.isMap() && b.elements[b.at].children == 2:
		return b.dict(e, def, rep, depth)
	}
	n := &node{name: e.name, kind: record, def: def}
	return n, b.fill(n, int(e.children), def, rep, depth)
}

// fill reads the children of a group.
func (b *builder) fill(n *node, children int, def, rep uint8, depth int) error {
	names := map[string]bool{}
	for range children {
		child, err := b.node(def, rep, depth+1)
		if err != nil {
			return err
		}
		if names[child.name] {
			return fmt.Errorf("two columns have the name %q", child.name)
		}
		names[child.name] = true
		n.children = append(n.children, child)
		n.leaves = append(n.leaves, child.leaves...)
	}
	return nil
}

// list reads the inside of a list: a repeated group around the element, or as
// older writers have it the repeated element itself.
func (b *builder) list(e *element, def, rep uint8, depth int) (*node, error) {
	n := &node{name: e.name, kind: list, def: def, item: def + 1, rep: rep + 1}
	inner, err := b.next()
	if err != nil {
		return nil, err
	}
	var item *node
	if b.isElement(e, inner) {
		item, err = b.bare(inner, def+1, rep+1, depth+1)
	} else {
		item, err = b.node(def+1, rep+1, depth+1)
	}
	if err != nil {
		return nil, err
	}
	n.children, n.leaves = []*node{item}, item.leaves
	return n, nil
}

// isElement says whether the repeated node in a list is its element, by the
// format's rules for files of older writers.
func (b *builder) isElement(e, inner *element) bool {
	return inner.children != 1 || inner.name == "array" || inner.name == e.name+"_tuple" ||
		b.at < len(b.elements) && b.elements[b.at].repetition == repeated
}

// dict reads the inside of a map: a repeated group of key and value.
func (b *builder) dict(e *element, def, rep uint8, depth int) (*node, error) {
	n := &node{name: e.name, kind: dict, def: def, item: def + 1, rep: rep + 1}
	if _, err := b.next(); err != nil {
		return nil, err
	}
	return n, b.fill(n, 2, def+1, rep+1, depth+1)
}

func (b *builder) leaf(e *element, def, rep uint8) (*node, error) {
	if e.physical > fixedArrays {
		return nil, fmt.Errorf("damaged: the column %q has the unknown type %d", e.name, e.physical)
	}
	c := &column{name: e.name, physical: e.physical, length: e.physical.width(), maxDef: def, maxRep: rep}
	if e.physical == fixedArrays {
		if c.length = int(e.length); e.length < 0 {
			return nil, fmt.Errorf("damaged: the column %q has values of %d bytes", e.name, e.length)
		}
	}
	var err error
	if c.boxing, err = e.boxing(); err != nil {
		return nil, fmt.Errorf("the column %q: %w", e.name, err)
	}
	b.columns = append(b.columns, c)
	return &node{name: e.name, kind: leaf, def: def, leaves: []*column{c}}, nil
}
