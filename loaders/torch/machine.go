package torch

import (
	"encoding/binary"
	"math"
)

// machine runs a pickle. It can make numbers, texts, containers and tensors,
// and nothing else: names are taken from a fixed table and none of them is
// ever called.
type machine struct {
	*scanner
	stack []any
	memo  map[uint64]any
	made  int // values so far
	// stored resolves a persistent id, which names a storage.
	stored func(id any) (*storage, error)
	makers map[global]maker
}

func newMachine(s *scanner, stored func(id any) (*storage, error)) *machine {
	return &machine{scanner: s, stored: stored, makers: makers}
}

type markType struct{}

// mark stands on the stack where a container's items begin.
var mark any = markType{}

// maxValues bounds how many values a pickle makes, and so its memory. A tensor
// takes about forty.
const maxValues = 1 << 23

// spend counts values that are made.
func (m *machine) spend(n int) error {
	if m.made += n; m.made > maxValues {
		return m.fail("more than %d values: this is no file of tensors", maxValues)
	}
	return nil
}

func (m *machine) push(v any) error {
	if err := m.spend(1); err != nil {
		return err
	}
	m.stack = append(m.stack, v)
	return nil
}

func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, m.fail("the stack is empty: the pickle is damaged")
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

func (m *machine) top() (any, error) {
	if len(m.stack) == 0 {
		return nil, m.fail("the stack is empty: the pickle is damaged")
	}
	return m.stack[len(m.stack)-1], nil
}

// popN takes the last n values in their order.
func (m *machine) popN(n int) ([]any, error) {
	if len(m.stack) < n {
		return nil, m.fail("the stack is empty: the pickle is damaged")
	}
	items := append([]any(nil), m.stack[len(m.stack)-n:]...)
	m.stack = m.stack[:len(m.stack)-n]
	return items, nil
}

// popMark takes the values behind the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if m.stack[i] == mark {
			items := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, m.fail("no mark is on the stack: the pickle is damaged")
}

// load runs up to the STOP and returns what is on top of the stack.
func (m *machine) load() (any, error) {
	m.stack, m.memo = nil, map[uint64]any{}
	for {
		op, err := m.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return m.pop()
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
	}
}

// step runs one opcode, of one of four groups.
func (m *machine) step(op byte) error {
	for _, group := range []func(byte) (bool, error){m.scalar, m.container, m.memory, m.object} {
		if known, err := group(op); known || err != nil {
			return err
		}
	}
	m.at--
	return m.fail("opcode %#02x: torch writes none, and roux reads none", op)
}

// scalar pushes numbers and texts.
func (m *machine) scalar(op byte) (bool, error) {
	var v any
	var err error
	switch op {
	case 'N':
	case 0x88:
		v = true
	case 0x89:
		v = false
	case 'J':
		v, err = m.int(4)
	case 'K':
		v, err = m.int(1)
	case 'M':
		v, err = m.int(2)
	case 0x8a:
		v, err = m.long(1)
	case 0x8b:
		v, err = m.long(4)
	case 'G':
		v, err = m.float()
	case 'X':
		v, err = m.text(4)
	case 0x8c:
		v, err = m.text(1)
	case 0x8d:
		v, err = m.text(8)
	case 'U':
		v, err = m.text(1)
	case 'T':
		v, err = m.text(4)
	case 'B':
		v, err = m.counted(4)
	case 'C':
		v, err = m.counted(1)
	case 0x8e:
		v, err = m.counted(8)
	default:
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, m.push(v)
}

// int reads a number: signed when it has four bytes, as Python has it.
func (m *machine) int(size int) (int64, error) {
	u, err := m.uint(size)
	if size == 4 {
		return int64(int32(u)), err
	}
	return int64(u), err
}

// long reads a little-endian two's complement of any length; what does not fit
// 64 bits has no use in a file of tensors, but for torch's magic number.
func (m *machine) long(size int) (any, error) {
	b, err := m.counted(size)
	switch {
	case err != nil:
		return nil, err
	case len(b) > 8:
		return b, nil
	case len(b) == 0:
		return int64(0), nil
	}
	var wide [8]byte
	if b[len(b)-1] >= 0x80 {
		wide = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(wide[:], b)
	return int64(binary.LittleEndian.Uint64(wide[:])), nil
}

func (m *machine) float() (float64, error) {
	b, err := m.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (m *machine) text(size int) (string, error) {
	b, err := m.counted(size)
	return string(b), err
}
