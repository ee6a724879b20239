package tokenizer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// maxPattern bounds a pattern of a tokenizer file.
const maxPattern = 1 << 16

// fromOniguruma rewrites what Oniguruma's Ruby syntax says otherwise than
// .NET's: possessive quantifiers, \h, \R, \w, line anchors, the dot's option.
func fromOniguruma(expr string) (string, error) {
	if len(expr) > maxPattern {
		return "", fmt.Errorf("a pattern of %d bytes is longer than %d", len(expr), maxPattern)
	}
	o := onig{in: expr}
	if err := o.run(); err != nil {
		return "", fmt.Errorf("the pattern %q: %w", expr, err)
	}
	return "(?m)" + o.out.String(), nil
}

type onig struct {
	in    string
	i     int
	out   outBuffer
	atom  int   // where in out the last atom begins
	group []int // where open groups begin in out
}

// outBuffer is text that can be cut into.
type outBuffer struct{ b []byte }

func (o *outBuffer) add(s string)   { o.b = append(o.b, s...) }
func (o *outBuffer) String() string { return string(o.b) }
func (o *outBuffer) wrap(from int, open string) {
	tail := string(o.b[from:])
	o.b = append(append(o.b[:from], open...), tail...)
	o.add(")")
}

// What Oniguruma takes for letters and for word characters.
const (
	alphaClass = `\p{L}\p{Nl}\p{Other_Alphabetic}`
	wordClass  = alphaClass + `\p{M}\p{Nd}\p{Pc}\u00B2\u00B3\u00B9\u00BC-\u00BE`
)

func (o *onig) run() error {
	for o.i < len(o.in) {
		switch c := o.in[o.i]; c {
		case '\\':
			if err := o.escape(false); err != nil {
				return err
			}
		case '[':
			if err := o.class(); err != nil {
				return err
			}
		case '(':
			o.group = append(o.group, len(o.out.b))
			o.open()
		case ')':
			if len(o.group) == 0 {
				return errors.New("a ) without its (")
			}
			o.atom = o.group[len(o.group)-1]
			o.group = o.group[:len(o.group)-1]
			o.out.add(")")
			o.i++
		case '*', '+', '?', '{':
			o.quantifier()
		default:
			o.atom = len(o.out.b)
			o.out.add(o.in[o.i : o.i+1])
			o.i++
			for o.i < len(o.in) && o.in[o.i]&0xC0 == 0x80 { // the rest of the character
				o.out.add(o.in[o.i : o.i+1])
				o.i++
			}
		}
	}
	return nil
}

// groupHead is how a group or an option switch begins.
var groupHead = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\((?:\?(?:[:=!>]|<[=!]|<\w+>|[imx-]+[:)]))?`)
})

// open copies the head of a group; Ruby's (?m) is what others call (?s).
func (o *onig) open() {
	head := groupHead().FindString(o.in[o.i:])
	if !strings.HasPrefix(head, "(?<") {
		o.out.add(strings.ReplaceAll(head, "m", "s"))
	} else {
		o.out.add(head)
	}
	o.i += len(head)
	if strings.HasSuffix(head, ")") {
		o.group = o.group[:len(o.group)-1]
	}
	o.atom = len(o.out.b)
}

// quantifier copies *, +, ? or {n,m}; one more + makes it possessive, except
// that after braces it is a quantifier of its own.
func (o *onig) quantifier() {
	braces := o.in[o.i] == '{'
	j := o.i + 1
	if braces {
		if k := strings.IndexByte(o.in[o.i:], '}'); k > 0 {
			j = o.i + k + 1
		}
	}
	q := o.in[o.i:j]
	if strings.HasPrefix(q, "{,") {
		q = "{0" + q[1:]
	}
	o.out.add(q)
	o.i = j
	if o.i < len(o.in) && o.in[o.i] == '?' && !braces {
		o.out.add("?")
		o.i++
	} else if o.i < len(o.in) && o.in[o.i] == '+' {
		open := "(?>"
		if braces {
			open = "(?:"
		}
		o.out.wrap(o.atom, open)
		if braces {
			o.out.add("+")
		}
		o.i++
	}
}

// escape copies \x; inside says that it stands in a class.
func (o *onig) escape(inside bool) error {
	if o.i+1 >= len(o.in) {
		return errors.New("it ends with a backslash")
	}
	if !inside {
		o.atom = len(o.out.b)
	}
	two := o.in[o.i : o.i+2]
	o.i += 2
	set := map[string]string{`\h`: "0-9a-fA-F", `\w`: wordClass}[two]
	switch {
	case set != "" && inside:
		o.set(set)
	case set != "":
		o.out.add("[")
		o.set(set)
		o.out.add("]")
	case two == `\W` && !inside:
		o.out.add("[^")
		o.set(wordClass)
		o.out.add("]")
	case two == `\H` && !inside:
		o.out.add("[^0-9a-fA-F]")
	case two == `\R` && !inside:
		o.out.add(`(?>\r\n|[\n-\r\u0085\u2028\u2029])`)
	case two == `\W` || two == `\H` || two == `\X` || two == `\K` || two == `\g` || two == `\G`:
		return fmt.Errorf("%s is not supported here", two)
	case (two == `\x` || two == `\p` || two == `\P`) && strings.HasPrefix(o.in[o.i:], "{"):
		return o.braced(two, inside)
	default:
		o.out.add(two)
		for o.i < len(o.in) && o.in[o.i]&0xC0 == 0x80 {
			o.out.add(o.in[o.i : o.i+1])
			o.i++
		}
	}
	return nil
}

// braced copies the rest of \x{...} or \p{...}.
func (o *onig) braced(two string, inside bool) error {
	end := strings.IndexByte(o.in[o.i:], '}')
	if end < 0 {
		return fmt.Errorf("%s{ is not closed", two)
	}
	name := o.in[o.i+1 : o.i+end]
	o.i += end + 1
	if two == `\x` {
		o.out.add(two + "{" + name + "}")
		return nil
	}
	if strings.HasPrefix(name, "^") {
		two, name = map[string]string{`\p`: `\P`, `\P`: `\p`}[two], name[1:]
	}
	o.property(two, name, inside)
	return nil
}

// newer are the characters of categories that Oniguruma's Unicode 16 knows and
// Go's does not.
var newer = map[string][]*unicode.RangeTable{
	"L": {moreLu, moreLl, moreLm, moreLo}, "Lu": {moreLu}, "Ll": {moreLl}, "Lm": {moreLm}, "Lo": {moreLo},
	"N": {moreN}, "Nd": {moreN}, "M": {moreM}, "P": {moreP}, "S": {moreS},
}

// property writes \p{name} or \P{name} with what is newer. Within a class \P
// cannot be widened.
func (o *onig) property(p, name string, inside bool) {
	var more strings.Builder
	for _, t := range newer[name] {
		for _, r := range t.R16 {
			fmt.Fprintf(&more, `\x{%X}-\x{%X}`, r.Lo, r.Hi)
		}
		for _, r := range t.R32 {
			fmt.Fprintf(&more, `\x{%X}-\x{%X}`, r.Lo, r.Hi)
		}
	}
	switch {
	case more.Len() == 0 || inside && p == `\P`:
		o.out.add(p + "{" + name + "}")
	case inside:
		o.out.add(`\p{` + name + "}" + more.String())
	case p == `\P`:
		o.out.add(`[^\p{` + name + "}" + more.String() + "]")
	default:
		o.out.add(`[\p{` + name + "}" + more.String() + "]")
	}
}

// class copies a bracket class. Inner brackets, which Oniguruma joins to the
// class, lose their brackets.
func (o *onig) class() error {
	o.atom = len(o.out.b)
	depth := 0
	for o.i < len(o.in) {
		switch c := o.in[o.i]; {
		case c == '\\':
			if err := o.escape(true); err != nil {
				return err
			}
			continue
		case c == '&' && strings.HasPrefix(o.in[o.i:], "&&"):
			return o.without(depth)
		case c == '[' && depth == 0:
			depth = 1
			o.out.add("[")
			if strings.HasPrefix(o.in[o.i:], "[^") {
				o.out.add("^")
				o.i++
			}
			if strings.HasPrefix(o.in[o.i+1:], "]") { // a ] that comes first is itself
				o.out.add(`\]`)
				o.i++
			}
		case c == '[' && strings.HasPrefix(o.in[o.i:], "[:"):
			if err := o.posix(); err != nil {
				return err
			}
			continue
		case c == '[':
			if strings.HasPrefix(o.in[o.i:], "[^") {
				return errors.New("a negated class within a class is not supported")
			}
			depth++
		case c == ']':
			depth--
			if depth == 0 {
				o.out.add("]")
				o.i++
				return nil
			}
		default:
			o.out.add(o.in[o.i : o.i+1])
		}
		o.i++
	}
	return errors.New("a [ is not closed")
}

// without reads &&[^...]] at the end of a class, which .NET writes -[...]].
func (o *onig) without(depth int) error {
	inner := onig{in: o.in[o.i+2:]}
	if depth != 1 || !strings.HasPrefix(inner.in, "[^") || strings.HasPrefix(string(o.out.b[o.atom:]), "[^") {
		return errors.New("&& is supported in a class that is not negated, before one that is")
	}
	if err := inner.class(); err != nil {
		return err
	}
	o.i += 2 + inner.i
	if !strings.HasPrefix(o.in[o.i:], "]") {
		return errors.New("&& is supported at the end of a class only")
	}
	o.out.add("-[" + strings.TrimPrefix(inner.out.String(), "[^") + "]")
	o.i++
	return nil
}

func (o *onig) posix() error {
	end := strings.Index(o.in[o.i:], ":]")
	if end < 0 {
		return errors.New("[: is not closed")
	}
	name := o.in[o.i+2 : o.i+end]
	set, ok := map[string]string{
		"alpha": alphaClass, "digit": `\p{Nd}`, "alnum": alphaClass + `\p{Nd}`, "space": `\s`, "upper": `\p{Lu}`,
		"lower": `\p{Ll}`, "punct": `\p{P}\p{S}`, "cntrl": `\p{Cc}`, "xdigit": "0-9a-fA-F", "word": wordClass, "blank": ` \t`,
	}[name]
	if !ok {
		return fmt.Errorf("[:%s:] is not supported", name)
	}
	o.set(set)
	o.i += end + 2
	return nil
}

// set writes what stands for a class, with what is newer in it.
func (o *onig) set(set string) {
	inner := onig{in: "[" + set + "]"}
	if inner.class() == nil {
		o.out.add(strings.Trim(inner.out.String(), "[]"))
	}
}
