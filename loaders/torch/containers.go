package torch

// container makes and fills tuples, lists, dictionaries and sets.
func (m *machine) container(op byte) (bool, error) {
	switch op {
	case '(':
		return true, m.push(mark)
	case ')':
		return true, m.push(tuple(nil))
	case ']', 0x8f: // a set is read as a list
		return true, m.push(&list{})
	case '}':
		return true, m.push(newDict())
	case 0x85, 0x86, 0x87:
		return true, m.tuple(m.popN(int(op) - 0x84))
	case 't':
		return true, m.tuple(m.popMark())
	case 'a':
		return true, m.append(m.popN(1))
	case 'e', 0x90:
		return true, m.append(m.popMark())
	case 's':
		return true, m.setItems(m.popN(2))
	case 'u':
		return true, m.setItems(m.popMark())
	case 'l':
		items, err := m.popMark()
		if err != nil {
			return true, err
		}
		return true, m.push(&list{items})
	case 'd':
		items, err := m.popMark()
		if err == nil {
			err = m.push(newDict())
		}
		return true, m.setItems(items, err)
	}
	return false, nil
}

func (m *machine) tuple(items []any, err error) error {
	if err != nil {
		return err
	}
	return m.push(tuple(items))
}

func (m *machine) append(items []any, err error) error {
	if err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	l, ok := top.(*list)
	if !ok {
		return m.fail("items are added to %s", describe(top))
	}
	l.items = append(l.items, items...)
	return nil
}

func (m *machine) setItems(items []any, err error) error {
	if err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	d, ok := top.(*dict)
	if !ok || len(items)%2 != 0 {
		return m.fail("%d keys and values are put into %s", len(items), describe(top))
	}
	for i := 0; i < len(items); i += 2 {
		if err := d.set(items[i], items[i+1]); err != nil {
			return m.fail("%w", err)
		}
	}
	return nil
}

// memory handles the memo, and opcodes that only shape the stream.
func (m *machine) memory(op byte) (bool, error) {
	switch op {
	case 'q':
		return true, m.put(m.uint(1))
	case 'r':
		return true, m.put(m.uint(4))
	case 0x94:
		return true, m.put(uint64(len(m.memo)), nil)
	case 'h':
		return true, m.get(m.uint(1))
	case 'j':
		return true, m.get(m.uint(4))
	case '0':
		_, err := m.pop()
		return true, err
	case '1':
		_, err := m.popMark()
		return true, err
	case 0x80:
		return true, m.protocol()
	case 0x95: // a frame's length: the opcodes in it are read as they come
		_, err := m.take(8)
		return true, err
	}
	return false, nil
}

func (m *machine) put(i uint64, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err == nil && len(m.memo) >= maxValues {
		err = m.fail("more than %d memo entries: this is no file of tensors", maxValues)
	}
	if err == nil {
		m.memo[i] = v
	}
	return err
}

func (m *machine) get(i uint64, err error) error {
	if err != nil {
		return err
	}
	v, ok := m.memo[i]
	if !ok {
		return m.fail("memo %d holds nothing: the pickle is damaged", i)
	}
	return m.push(v)
}

func (m *machine) protocol() error {
	v, err := m.byte()
	if err == nil && (v < 2 || v > 5) {
		err = m.fail("pickle protocol %d: torch writes 2", v)
	}
	return err
}
