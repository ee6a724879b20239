package torch

import (
	"github.com/rouxml/roux/tensor"
)

// object handles names, calls and storages.
func (m *machine) object(op byte) (bool, error) {
	switch op {
	case 'c':
		module, err := m.line()
		if err != nil {
			return true, err
		}
		name, err := m.line()
		if err != nil {
			return true, err
		}
		return true, m.importName(global{module, name})
	case 0x93:
		return true, m.stackGlobal()
	case 'R', 0x81:
		return true, m.call()
	case 'b':
		return true, m.build()
	case 'Q':
		return true, m.persistent()
	}
	return false, nil
}

func (m *machine) stackGlobal() error {
	names, err := m.popN(2)
	if err != nil {
		return err
	}
	module, ok1 := names[0].(string)
	name, ok2 := names[1].(string)
	if !ok1 || !ok2 {
		return m.fail("a name is imported that is no text: the pickle is damaged")
	}
	return m.importName(global{module, name})
}

func (m *machine) importName(g global) error {
	if !known(g) {
		return m.refuse(g)
	}
	return m.push(g)
}

// call replaces a name and its arguments by what the table makes of them.
func (m *machine) call() error {
	parts, err := m.popN(2)
	if err != nil {
		return err
	}
	g, ok := parts[0].(global)
	args, isTuple := parts[1].(tuple)
	if !ok || !isTuple {
		return m.fail("%s is called with %s", describe(parts[0]), describe(parts[1]))
	}
	v, err := m.apply(g, args)
	if err != nil {
		return err
	}
	return m.push(v)
}

func (m *machine) apply(g global, args tuple) (any, error) {
	call := m.makers[g]
	if call == nil {
		return nil, m.fail("%s is called, and here it may only be named", g)
	}
	// A call may copy what it is given, and a memo gives the same list to any
	// number of calls.
	if err := m.spend(sizeOf(args)); err != nil {
		return nil, err
	}
	v, err := call(m, args)
	if err != nil {
		return nil, m.fail("%s: %w", g, err)
	}
	return v, nil
}

// sizeOf is how many values arguments hold, down to the lists among them.
func sizeOf(args tuple) int {
	n := len(args)
	for _, a := range args {
		switch a := a.(type) {
		case tuple:
			n += len(a)
		case *list:
			n += len(a.items)
		}
	}
	return n
}

// build would set the attributes of an object. Tensors have none that matter,
// and an OrderedDict those of a state dict's metadata; nothing else gets any.
func (m *machine) build() error {
	if _, err := m.pop(); err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	switch top.(type) {
	case *dict, *view:
		return nil
	}
	return m.fail("attributes are set on %s: only tensors and dictionaries may have some", describe(top))
}

func (m *machine) persistent() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	s, err := m.stored(id)
	if err != nil {
		return m.fail("%w", err)
	}
	return m.push(s)
}

// storageOf reads a persistent id: ("storage", type, key, location, numel, ...).
func storageOf(id any) (*storage, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || t[0] != "storage" {
		return nil, errorf("%s stands where a storage belongs", describe(id))
	}
	g, _ := t[1].(global)
	key, okKey := t[2].(string)
	numel, okNumel := t[4].(int64)
	if !okKey || !okNumel || numel < 0 || numel > 1<<56 {
		return nil, errorf("a storage named by %s has %s elements", describe(t[2]), describe(t[4]))
	}
	s := &storage{key: key, numel: numel}
	if g.name == "UntypedStorage" {
		return s, nil
	}
	if s.dtype = storages[g.name]; g.module != "torch" || s.dtype == tensor.Invalid {
		return nil, errorf("%s is no type of storage that can be read", describe(t[1]))
	}
	return s, nil
}
