package tokenizer

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Searches are bounded by steps, not by time, so that what becomes of a text
// never depends on how busy a machine is.

// searchSteps is how many steps all searches in a text of so many bytes may
// take; sound patterns take a hundredth of it or less for each byte.
func searchSteps(text int) int64 { return 100_000_000 + 1000*int64(text) }

// maxWays bounds the ways that a search keeps for later.
const maxWays = 1 << 22

var (
	errSlow = errors.New("the split patterns of the tokenizer take too many steps on this text: use the tokenizer.json of the model's maker, or cut the text into documents")
	errWays = errors.New("a split pattern of the tokenizer has too many ways to match this text: use the tokenizer.json of the model's maker, or cut the text into documents")
)

// regex is a pattern without a matcher of its own.
type regex struct {
	code []inst
	regs int
}

// way is where a search goes on when another way has failed: with a register
// set back if reg is not negative, with one character fewer if least is.
type way struct {
	pc, at, least, reg int32
}

// search looks for the matches of a pattern in s.
type search struct {
	regex
	s     string
	regs  []int32
	ways  []way
	steps *int64
	err   error
}

func compileRegex(expr string) (pattern, error) {
	code, regs, err := compileOnig(expr)
	if err != nil {
		return nil, err
	}
	return regex{code, regs}, nil
}

func (p regex) each(s string, steps *int64, f func(a, b int)) error {
	m := search{regex: p, s: s, regs: make([]int32, p.regs), steps: steps}
	last := -1
	for at := 0; at <= len(s); {
		for i := range m.regs {
			m.regs[i] = -1
		}
		end, ok := m.run(0, at)
		if m.err != nil {
			return m.err
		}
		// As in Oniguruma, none that is empty follows on another.
		if ok && (end > at || at != last) {
			f(at, end)
			last = end
		}
		if !ok || end == at {
			_, n := utf8.DecodeRuneInString(s[at:])
			end = at + max(n, 1)
		}
		at = end
	}
	return nil
}

// spend takes steps from what is left.
func (m *search) spend(n int) bool {
	if *m.steps -= int64(n); *m.steps < 0 {
		m.err = errSlow
	} else if len(m.ways) > maxWays {
		m.err = errWays
	}
	return m.err == nil
}

func (m *search) later(w way) { m.ways = append(m.ways, w) }

func (m *search) save(reg int32, at int) {
	m.later(way{reg: reg, at: m.regs[reg]})
	m.regs[reg] = int32(at)
}

// back takes up the last way that was left, down to base.
func (m *search) back(base int) (pc int32, at int, ok bool) {
	for len(m.ways) > base {
		if !m.spend(1) {
			return 0, 0, false
		}
		w := &m.ways[len(m.ways)-1]
		switch {
		case w.reg >= 0:
			m.regs[w.reg] = w.at
		case w.least >= 0:
			if w.at > w.least {
				_, n := utf8.DecodeLastRuneInString(m.s[:w.at])
				w.at -= int32(n)
				return w.pc, int(w.at), true
			}
		default:
			pc, at = w.pc, int(w.at)
			m.ways = m.ways[:len(m.ways)-1]
			return pc, at, true
		}
		m.ways = m.ways[:len(m.ways)-1]
	}
	return 0, 0, false
}

// run matches the code from pc on at a place, up to opAccept. The ways that it
// has left are given up; what it has noted stays.
func (m *search) run(pc int32, at int) (int, bool) {
	base := len(m.ways)
	for m.spend(1) {
		i := &m.code[pc]
		ok := true
		switch i.op {
		case opAccept:
			m.forget(base)
			return at, true
		case opSplit:
			m.later(way{pc: i.y, at: int32(at), least: -1, reg: -1})
			pc = i.x
			continue
		case opJump:
			pc = i.x
			continue
		case opMoved:
			if m.regs[i.x] == int32(at) {
				pc = i.y
				continue
			}
		case opSave:
			m.save(i.x, at)
		case opAtomic, opAhead, opBehind:
			if at, ok = m.closed(i, pc+1, at); ok {
				pc = i.x
				continue
			}
		default:
			at, ok = m.simple(i, pc+1, at)
		}
		if ok {
			pc++
		} else if pc, at, ok = m.back(base); !ok {
			break
		}
	}
	m.ways = m.ways[:base]
	return 0, false
}

// forget gives up the ways above base, but not what registers held before.
func (m *search) forget(base int) {
	kept := m.ways[:base]
	if base > 0 {
		for _, w := range m.ways[base:] {
			if w.reg >= 0 {
				kept = append(kept, w)
			}
		}
	}
	m.ways = kept
}

// simple are the instructions that go on to the next.
func (m *search) simple(i *inst, next int32, at int) (int, bool) {
	switch i.op {
	case opSet:
		if at == len(m.s) {
			return at, false
		}
		r, n := rune(m.s[at]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(m.s[at:])
		}
		return at + n, i.set.has(r)
	case opRun, opTake:
		return m.many(i, next, at)
	case opBack:
		from, to := m.regs[i.x], m.regs[i.x+1]
		if from < 0 || to < from {
			return at, false
		}
		return m.again(m.s[from:to], at, i.not)
	}
	return at, m.holds(i.assert, at)
}

// many takes a run of characters of a set.
func (m *search) many(i *inst, next int32, at int) (int, bool) {
	from, fewest, count := at, at, 0
	for at < len(m.s) && count != i.most {
		r, n := rune(m.s[at]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(m.s[at:])
		}
		if !i.set.has(r) {
			break
		}
		at += n
		if count++; count == i.least {
			fewest = at
		}
	}
	if !m.spend(count) || count < i.least {
		return from, false
	}
	if i.op == opRun && at > fewest {
		m.later(way{pc: next, at: int32(at), least: int32(fewest), reg: -1})
	}
	return at, true
}

// again matches text that a group has captured.
func (m *search) again(text string, at int, fold bool) (int, bool) {
	if !m.spend(len(text)) {
		return at, false
	}
	if !fold {
		return at + len(text), strings.HasPrefix(m.s[at:], text)
	}
	for _, want := range text {
		got, n := utf8.DecodeRuneInString(m.s[at:])
		if n == 0 || !sameFold(want, got) {
			return at, false
		}
		at += n
	}
	return at, true
}

func sameFold(a, b rune) bool {
	for q := unicode.SimpleFold(a); q != a && a != b; q = unicode.SimpleFold(q) {
		if q == b {
			return true
		}
	}
	return a == b
}

// closed runs code of its own: for atomic groups and for what stands around.
func (m *search) closed(i *inst, pc int32, at int) (int, bool) {
	from := at
	if i.op == opBehind {
		for range i.y {
			if from == 0 {
				return at, i.not
			}
			_, n := utf8.DecodeLastRuneInString(m.s[:from])
			from -= n
		}
	}
	end, ok := m.run(pc, from)
	if m.err != nil {
		return at, false
	}
	if i.op == opAtomic {
		return end, ok
	}
	return at, ok != i.not
}

// holds says whether an assertion holds at a place.
func (m *search) holds(assert byte, at int) bool {
	s := m.s
	switch assert {
	case '^':
		return at == 0 || s[at-1] == '\n' && at < len(s)
	case '$':
		return at == len(s) || s[at] == '\n'
	case 'A':
		return at == 0
	case 'z':
		return at == len(s)
	case 'Z':
		return at == len(s) || at == len(s)-1 && s[at] == '\n'
	case 'b', 'B':
		before, _ := utf8.DecodeLastRuneInString(s[:at])
		after, _ := utf8.DecodeRuneInString(s[at:])
		edge := (at > 0 && onigWord(before)) != (at < len(s) && onigWord(after))
		return edge == (assert == 'b')
	}
	return false
}
