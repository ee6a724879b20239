package chat

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/nikolalohinski/gonja/v2/exec"
)

var definition = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\{%[-+]?\s*(?:set|macro)\s+(\w+)`)
})

// definitions lists what a template sets and which macros it has.
func definitions(template string) []string {
	var out []string
	seen := map[string]bool{}
	for _, m := range definition().FindAllStringSubmatch(template, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			out = append(out, m[1])
		}
	}
	return out
}

// check looks at what a block has left: texts must not grow without end, and
// macros are made to count their calls.
func (r *render) check(ctx *exec.Context) error {
	for _, name := range r.names {
		v, ok := ctx.Get(name)
		if !ok {
			continue
		}
		if m, is := v.(exec.Macro); is {
			ctx.Set(name, r.counted(m))
			continue
		}
		if size(v, 2) > maxText {
			return errText
		}
	}
	return nil
}

// size is about how much text a value holds, so many levels down.
func size(v any, depth int) int {
	switch x := v.(type) {
	case string:
		return len(x)
	case *exec.Value:
		return size(x.Interface(), depth)
	case list:
		return size([]any(x), depth)
	case object:
		return size(map[string]any(x), depth)
	case []any:
		n := 16 * len(x)
		for i := 0; depth > 0 && i < len(x); i++ {
			n += size(x[i], depth-1)
		}
		return n
	case map[string]any:
		n := 16 * len(x)
		for _, y := range x {
			if depth > 0 {
				n += size(y, depth-1)
			}
		}
		return n
	}
	return 0
}

// counted is a macro that cannot call itself without end.
func (r *render) counted(m exec.Macro) func(*exec.VarArgs) *exec.Value {
	return func(p *exec.VarArgs) *exec.Value {
		switch {
		case r.calls >= maxCalls:
			return exec.AsValue(errCalls)
		case time.Now().After(r.end):
			return exec.AsValue(errTime)
		}
		for _, a := range p.Args {
			if size(a, 1) > maxText {
				return exec.AsValue(errText)
			}
		}
		r.calls++
		defer func() { r.calls-- }()
		return m(p)
	}
}

// join, replace and indent are bounded, because they can make much of little.

func join(_ *exec.Evaluator, in *exec.Value, p *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	sep := p.GetKeywordArgument("d", "")
	if len(p.Args) > 0 {
		sep = p.Args[0]
	}
	if by := p.GetKeywordArgument("attribute", nil); !by.IsNil() {
		return exec.AsValue(fmt.Errorf("join by attribute is not supported"))
	}
	out, err := joined(in, sep.String())
	if err != nil {
		return exec.AsValue(err)
	}
	return exec.AsValue(out)
}

func joined(list *exec.Value, sep string) (string, error) {
	var b strings.Builder
	var err error
	list.Iterate(func(i, _ int, item, _ *exec.Value) bool {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(item.String())
		if b.Len() > maxText {
			err = errText
		}
		return err == nil
	}, func() {})
	return b.String(), err
}

func replaceFilter(_ *exec.Evaluator, in *exec.Value, p *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	out, err := replace(in.String(), p)
	if err != nil {
		return exec.AsValue(err)
	}
	return exec.AsValue(out)
}

func replace(s string, p *exec.VarArgs) (string, error) {
	if len(p.Args) < 2 {
		return "", fmt.Errorf("replace takes what to replace and with what")
	}
	old, with, most := p.Args[0].String(), p.Args[1].String(), -1
	if len(p.Args) > 2 {
		most = p.Args[2].Integer()
	}
	if len(s)+(strings.Count(s, old)+1)*len(with) > maxText+len(s) {
		return "", errText
	}
	return strings.Replace(s, old, with, most), nil
}

// trim takes any value, as Jinja's does.
func trim(_ *exec.Evaluator, in *exec.Value, p *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	chars := p.GetKeywordArgument("chars", nil)
	if len(p.Args) > 0 {
		chars = p.Args[0]
	}
	if chars.IsNil() {
		return exec.AsValue(strings.TrimFunc(in.String(), func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F }))
	}
	return exec.AsValue(strings.Trim(in.String(), chars.String()))
}

func indent(_ *exec.Evaluator, in *exec.Value, p *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	width, first := p.GetKeywordArgument("width", 4), p.GetKeywordArgument("first", false)
	blank := p.GetKeywordArgument("blank", false)
	for i, a := range p.Args {
		switch i {
		case 0:
			width = a
		case 1:
			first = a
		case 2:
			blank = a
		}
	}
	pad := width.String()
	if width.IsInteger() {
		pad = strings.Repeat(" ", max(0, min(width.Integer(), 256)))
	}
	lines := strings.Split(in.String(), "\n")
	if len(lines)*len(pad) > maxText {
		return exec.AsValue(errText)
	}
	for i, l := range lines {
		if (i > 0 || first.IsTrue()) && (l != "" || blank.IsTrue()) {
			lines[i] = pad + l
		}
	}
	return exec.AsValue(strings.Join(lines, "\n"))
}

// strftime writes a time as Python's strftime does, in English.
func strftime(format string, t time.Time) (string, error) {
	if t.IsZero() {
		t = time.Unix(0, 0).UTC()
	}
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM",
		'S': "05", 'y': "06", 'Y': "2006", 'Z': "MST", 'z': "-0700", 'j': "002", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04",
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		trim := format[i] == '-' && i+1 < len(format)
		if trim {
			i++
		}
		layout, ok := layouts[format[i]]
		switch {
		case format[i] == '%':
			b.WriteByte('%')
		case !ok:
			return "", fmt.Errorf("strftime_now does not know %%%c", format[i])
		case trim:
			b.WriteString(strings.TrimLeft(t.Format(layout), "0 "))
		default:
			b.WriteString(t.Format(layout))
		}
	}
	return b.String(), nil
}
