package parquet

import (
	"encoding/json"
	"errors"
	"fmt"
)

var errUneven = errors.New("damaged: its columns do not agree on how many values a row has")

// What maps and lists take of memory, by how Go makes them.
const (
	listCost = 40
	mapCost  = 64
	cellCost = 48
	leastMap = 6 // cells that even a small map has room for
)

func recordCost(cells int) int64 { return mapCost + cellCost*int64(max(cells, leastMap)) }

// read reads the value of a node that is next. All its leaves must agree on what
// there is of it.
func (r *reader) read(n *node) (any, error) {
	if err := n.ready(); err != nil {
		return nil, err
	}
	first := n.leaves[0]
	if n.kind == leaf {
		return first.take(), nil
	}
	there, err := n.reaches(n.def)
	switch {
	case err != nil:
		return nil, err
	case !there:
		n.pass()
		return nil, nil
	case n.kind == record:
		return r.record(n)
	}
	full, err := n.reaches(n.item)
	switch {
	case err != nil:
		return nil, err
	case n.kind == dict:
		return r.dict(n, full)
	}
	return r.list(n, full)
}

// ready reads the pages of what is next.
func (n *node) ready() error {
	for _, c := range n.leaves {
		if ok, err := c.more(); err != nil {
			return err
		} else if !ok {
			return errUneven
		}
	}
	return nil
}

// begins holds what is next to be the beginning of a row.
func (n *node) begins() error {
	if n.kind == leaf {
		return nil
	}
	if err := n.ready(); err != nil {
		return err
	}
	for _, c := range n.leaves {
		if c.rep() != 0 {
			return errUneven
		}
	}
	return nil
}

// reaches says whether the definition levels come up to a level.
func (n *node) reaches(level uint8) (bool, error) {
	there := n.leaves[0].def() >= level
	for _, c := range n.leaves[1:] {
		if c.def() >= level != there {
			return false, errUneven
		}
	}
	return there, nil
}

// pass takes what stands in the leaves for a null, or for an empty list.
func (n *node) pass() {
	for _, c := range n.leaves {
		c.take()
	}
}

func (r *reader) record(n *node) (any, error) {
	if err := r.spend(recordCost(len(n.children))); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(n.children))
	for _, child := range n.children {
		v, err := r.read(child)
		if err != nil {
			return nil, err
		}
		out[child.name] = v
	}
	return out, nil
}

// goesOn says whether the list of n has another element.
func (n *node) goesOn() (bool, error) {
	on := false
	for i, c := range n.leaves {
		more, err := c.more()
		if err != nil {
			return false, err
		}
		here := more && c.rep() >= n.rep
		switch {
		case i > 0 && here != on || here && c.rep() > n.rep:
			return false, errUneven
		}
		on = here
	}
	return on, nil
}

// each reads the elements of a list, or the entries of a map.
func (r *reader) each(n *node, full bool, one func() error) error {
	if !full {
		n.pass()
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		if on, err := n.goesOn(); err != nil || !on {
			return err
		}
	}
}

func (r *reader) list(n *node, full bool) (any, error) {
	if err := r.spend(listCost); err != nil {
		return nil, err
	}
	out := []any{}
	err := r.each(n, full, func() error {
		v, err := r.read(n.children[0])
		if err == nil {
			err = r.spend(2 * 16) // with the room that append leaves
		}
		out = append(out, v)
		return err
	})
	return out, err
}

func (r *reader) dict(n *node, full bool) (any, error) {
	if err := r.spend(recordCost(0)); err != nil {
		return nil, err
	}
	out := map[string]any{}
	err := r.each(n, full, func() error {
		key, err := r.read(n.children[0])
		if err != nil {
			return err
		}
		name := keyText(key)
		if err := r.spend(2*cellCost + int64(len(name))); err != nil {
			return err
		}
		out[name], err = r.read(n.children[1])
		return err
	})
	return out, err
}

// keyText is the text of a map's key, which JSON wants: others are written as
// JSON writes them.
func keyText(key any) string {
	switch k := key.(type) {
	case string:
		return k
	case nil:
		return ""
	case []byte:
		return string(k)
	}
	text, err := json.Marshal(key)
	if err != nil {
		return fmt.Sprint(key)
	}
	return string(text)
}
