package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// charSet is a set of characters, with a table for those below 0x80.
type charSet struct {
	ascii [2]uint64
	rest  func(rune) bool
}

func (s *charSet) has(r rune) bool {
	if r < 0x80 {
		return s.ascii[r>>6]>>(r&63)&1 == 1
	}
	return s.rest(r)
}

// setOf makes a set of a function; with fold each character stands for all that
// fold to the same.
func setOf(f func(rune) bool, fold bool) *charSet {
	if fold {
		plain := f
		f = func(r rune) bool {
			if plain(r) {
				return true
			}
			for q := unicode.SimpleFold(r); q != r; q = unicode.SimpleFold(q) {
				if plain(q) {
					return true
				}
			}
			return false
		}
	}
	s := &charSet{rest: f}
	for r := range rune(0x80) {
		if f(r) {
			s.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	return s
}

func oneRune(r rune) func(rune) bool { return func(q rune) bool { return q == r } }

func inTables(tables ...*unicode.RangeTable) func(rune) bool {
	return func(r rune) bool { return unicode.In(r, tables...) }
}

// newer are the characters of categories that Oniguruma's Unicode 16 knows and
// Go's does not.
var newer = map[string][]*unicode.RangeTable{
	"L": {moreLu, moreLl, moreLm, moreLo}, "Lu": {moreLu}, "Ll": {moreLl}, "Lm": {moreLm}, "Lo": {moreLo},
	"N": {moreN}, "Nd": {moreN}, "M": {moreM}, "P": {moreP}, "S": {moreS},
}

// What Oniguruma takes for letters and for word characters.
var (
	onigAlpha = inTables(unicode.L, unicode.Nl, unicode.Other_Alphabetic, moreLu, moreLl, moreLm, moreLo)
	onigDigit = inTables(unicode.Nd, moreN)
	onigSpace = inTables(unicode.White_Space)
	onigPunct = inTables(unicode.P, unicode.S, moreP, moreS)
)

// onigWord is \w outside of classes. In them it has no superscripts and
// fractions.
func onigWord(r rune) bool {
	return onigWordClass(r) || r == 0xB2 || r == 0xB3 || r == 0xB9 || r >= 0xBC && r <= 0xBE
}

func onigWordClass(r rune) bool {
	return onigAlpha(r) || unicode.In(r, unicode.M, unicode.Nd, unicode.Pc, moreM, moreN)
}

func isHex(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}

func not(f func(rune) bool) func(rune) bool { return func(r rune) bool { return !f(r) } }

// classes are those of POSIX, which \p knows as well.
var classes = map[string]func(rune) bool{
	"alpha": onigAlpha, "alphabetic": onigAlpha, "digit": onigDigit, "alnum": func(r rune) bool { return onigAlpha(r) || onigDigit(r) },
	"space": onigSpace, "whitespace": onigSpace, "upper": inTables(unicode.Upper, unicode.Other_Uppercase, moreLu), "lower": inTables(unicode.Lower, unicode.Other_Lowercase, moreLl),
	"punct": onigPunct, "cntrl": inTables(unicode.Cc), "xdigit": isHex, "word": onigWordClass,
	"blank": func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) }, "any": func(rune) bool { return true }, "ascii": func(r rune) bool { return r < 0x80 },
}

// properties are the names that \p may have, without case, spaces and _.
var properties = sync.OnceValue(func() map[string]func(rune) bool {
	out := map[string]func(rune) bool{}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Properties, unicode.Scripts, unicode.Categories} {
		for name, t := range tables {
			out[plainName(name)] = inTables(append([]*unicode.RangeTable{t}, newer[name]...)...)
		}
	}
	for alias, name := range unicode.CategoryAliases {
		out[plainName(alias)] = out[plainName(name)]
	}
	for name, f := range classes {
		if name != "punct" { // the category, there
			out[name] = f
		}
	}
	return out
})

func plainName(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(s))
}

// classEscape reads \x that stands for a character, or for a set of them.
func (o *onig) classEscape(word func(rune) bool) (func(rune) bool, rune, error) {
	if o.i++; !o.more() {
		return nil, 0, errors.New("it ends with a backslash")
	}
	switch c := o.next(); c {
	case 'w':
		return word, 0, nil
	case 'W':
		return not(word), 0, nil
	case 'd':
		return onigDigit, 0, nil
	case 'D':
		return not(onigDigit), 0, nil
	case 's':
		return onigSpace, 0, nil
	case 'S':
		return not(onigSpace), 0, nil
	case 'h':
		return isHex, 0, nil
	case 'H':
		return not(isHex), 0, nil
	case 'p', 'P':
		f, err := o.property(c == 'P')
		return f, 0, err
	case 't', 'n', 'r', 'f', 'v', 'a', 'e':
		return nil, []rune("\t\n\r\f\v\a\x1b")[strings.IndexRune("tnrfvae", c)], nil
	case 'x', 'u', '0':
		r, err := o.codePoint(c)
		return nil, r, err
	default:
		if c < 0x80 && letter(byte(c)) {
			return nil, 0, fmt.Errorf(`\%c is not supported here`, c)
		}
		return nil, c, nil
	}
}

func letter(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// codePoint reads the digits of \xHH, \x{H...}, \uHHHH or \0OO.
func (o *onig) codePoint(kind rune) (rune, error) {
	base, most := 16, 2
	switch {
	case kind == '0':
		base = 8
	case kind == 'u':
		most = 4
	case o.take("{"):
		end := strings.IndexByte(o.in[o.i:], '}')
		if end < 0 {
			return 0, errors.New(`\x{ is not closed`)
		}
		r, err := strconv.ParseUint(o.in[o.i:o.i+end], 16, 21)
		o.i += end + 1
		return rune(r), err
	}
	n := 0
	for n < most && o.i+n < len(o.in) && isHex(rune(o.in[o.i+n])) && (base == 16 || o.in[o.i+n] < '8') {
		n++
	}
	if n == 0 && kind == '0' {
		return 0, nil
	}
	r, err := strconv.ParseUint(o.in[o.i:o.i+n], base, 21)
	o.i += n
	if err == nil && r >= 0x80 && kind != 'u' {
		return 0, fmt.Errorf(`\%c with %x, a byte and not a character, is not supported`, kind, r)
	}
	return rune(r), err
}

// property reads {name} or {^name}.
func (o *onig) property(negated bool) (func(rune) bool, error) {
	end := strings.IndexByte(o.in[o.i:], '}')
	if !strings.HasPrefix(o.in[o.i:], "{") || end < 0 {
		return nil, errors.New(`\p without {name}`)
	}
	name := o.in[o.i+1 : o.i+end]
	o.i += end + 1
	if rest, ok := strings.CutPrefix(name, "^"); ok {
		name, negated = rest, !negated
	}
	f, ok := properties()[plainName(name)]
	if !ok {
		return nil, fmt.Errorf(`\p{%s} is not known to roux`, name)
	}
	if negated {
		return not(f), nil
	}
	return f, nil
}

// class reads a bracket class, with classes within it and && between.
func (o *onig) class() (func(rune) bool, error) {
	if o.depth++; o.depth > maxGroups {
		return nil, errors.New("classes stand too deep within each other")
	}
	defer func() { o.depth-- }()
	o.i++
	negated := o.take("^")
	var all []func(rune) bool // joined by &&
	var here []func(rune) bool
	for first := true; ; first = false {
		if !o.more() {
			return nil, errors.New("a [ is not closed")
		}
		if o.in[o.i] == ']' && !first {
			break
		}
		if o.take("&&") {
			all, here = append(all, union(here)), nil
			continue
		}
		f, err := o.classItem()
		if err != nil {
			return nil, err
		}
		here = append(here, f)
	}
	o.i++
	all = append(all, union(here))
	f := func(r rune) bool {
		for _, g := range all {
			if !g(r) {
				return false
			}
		}
		return true
	}
	if negated {
		return not(f), nil
	}
	return f, nil
}

func union(fs []func(rune) bool) func(rune) bool {
	if len(fs) == 1 {
		return fs[0]
	}
	return func(r rune) bool {
		for _, f := range fs {
			if f(r) {
				return true
			}
		}
		return false
	}
}

// classItem reads a character, a range of them, or a class.
func (o *onig) classItem() (func(rune) bool, error) {
	if strings.HasPrefix(o.in[o.i:], "[:") {
		if f, ok := o.posix(); ok {
			return f, nil
		}
		return nil, errors.New("[: does not begin a class that is known to roux")
	}
	if o.in[o.i] == '[' {
		return o.class()
	}
	f, lo, err := o.classRune()
	if f != nil || err != nil {
		return f, err
	}
	if strings.HasPrefix(o.in[o.i:], "-") && !strings.HasPrefix(o.in[o.i:], "-]") && !strings.HasPrefix(o.in[o.i:], "-[") {
		o.i++
		if !o.more() {
			return nil, errors.New("a [ is not closed")
		}
		g, hi, err := o.classRune()
		if err != nil {
			return nil, err
		}
		if g != nil || hi < lo {
			return nil, errors.New("a range in a class has no end, or one before its beginning")
		}
		return func(r rune) bool { return lo <= r && r <= hi }, nil
	}
	return oneRune(lo), nil
}

func (o *onig) classRune() (func(rune) bool, rune, error) {
	if o.in[o.i] == '\\' {
		return o.classEscape(onigWordClass)
	}
	return nil, o.next(), nil
}

func (o *onig) posix() (func(rune) bool, bool) {
	end := strings.Index(o.in[o.i:], ":]")
	if end < 0 {
		return nil, false
	}
	name, negated := strings.CutPrefix(o.in[o.i+2:o.i+end], "^")
	f, ok := classes[name]
	o.i += end + 2
	if ok && negated {
		f = not(f)
	}
	return f, ok
}
