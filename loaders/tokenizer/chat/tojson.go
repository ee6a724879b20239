package chat

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// dumper writes values as Python's json.dumps does.
type dumper struct {
	*render
	b           strings.Builder
	indent      string // of one level; only with lines
	lines       bool
	comma       string
	colon       string
	ascii, sort bool
	depth       int
}

// tojson is the filter as transformers has it: nothing is escaped for HTML, and
// characters stay as they are unless asked otherwise.
func (r *render) tojson(_ *exec.Evaluator, in *exec.Value, p *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	d := &dumper{render: r, comma: ", ", colon: ": "}
	d.ascii = p.GetKeywordArgument("ensure_ascii", false).IsTrue()
	d.sort = p.GetKeywordArgument("sort_keys", false).IsTrue()
	indent := p.GetKeywordArgument("indent", nil)
	if len(p.Args) > 0 {
		indent = p.Args[len(p.Args)-1]
	}
	if indent.IsInteger() {
		d.lines, d.comma, d.indent = true, ",", strings.Repeat(" ", max(0, min(indent.Integer(), 16)))
	}
	if s := p.GetKeywordArgument("separators", nil); s.CanSlice() && s.Len() == 2 {
		d.comma, d.colon = s.Index(0).String(), s.Index(1).String()
	}
	if err := d.value(in.Interface()); err != nil {
		return exec.AsValue(err)
	}
	return exec.AsSafeValue(d.b.String())
}

func (d *dumper) value(v any) error {
	if d.b.Len() > maxText {
		return errText
	}
	if entries, ok := d.entries(v); ok {
		return d.object(entries)
	}
	switch x := v.(type) {
	case nil, *null:
		d.b.WriteString("null")
	case *exec.Value:
		return d.value(x.Interface())
	case bool:
		d.b.WriteString(strconv.FormatBool(x))
	case string:
		d.text(x)
	case int:
		d.b.WriteString(strconv.Itoa(x))
	case float64:
		d.float(x)
	default:
		list := reflect.ValueOf(v)
		if list.Kind() != reflect.Slice && list.Kind() != reflect.Array {
			return fmt.Errorf("a value of type %T cannot be written as JSON", v)
		}
		return d.list(list)
	}
	return nil
}

func (d *dumper) line() {
	if d.lines {
		d.b.WriteString("\n" + strings.Repeat(d.indent, d.depth))
	}
}

// nested writes n items between brackets.
func (d *dumper) nested(open, close string, n int, item func(i int) error) error {
	d.b.WriteString(open)
	if n == 0 {
		d.b.WriteString(close)
		return nil
	}
	if d.depth++; d.depth > maxDepth {
		return errDeep
	}
	for i := range n {
		if i > 0 {
			d.b.WriteString(d.comma)
		}
		d.line()
		if err := item(i); err != nil {
			return err
		}
	}
	d.depth--
	d.line()
	d.b.WriteString(close)
	return nil
}

func (d *dumper) object(entries []entry) error {
	if d.sort {
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	}
	return d.nested("{", "}", len(entries), func(i int) error {
		d.text(entries[i].key)
		d.b.WriteString(d.colon)
		return d.value(entries[i].value)
	})
}

func (d *dumper) list(list reflect.Value) error {
	return d.nested("[", "]", list.Len(), func(i int) error { return d.value(list.Index(i).Interface()) })
}

// float is Python's shortest form: a whole number has .0, exponents begin at
// 1e16 and 1e-5.
func (d *dumper) float(x float64) {
	switch {
	case math.IsNaN(x):
		d.b.WriteString("NaN")
	case math.IsInf(x, 0):
		d.b.WriteString(map[bool]string{true: "Infinity", false: "-Infinity"}[x > 0])
	case x != 0 && (math.Abs(x) >= 1e16 || math.Abs(x) < 1e-4):
		d.b.WriteString(strconv.FormatFloat(x, 'e', -1, 64))
	default:
		s := strconv.FormatFloat(x, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		d.b.WriteString(s)
	}
}

func (d *dumper) text(s string) {
	d.b.WriteByte('"')
	for _, r := range s {
		if i := strings.IndexRune("\"\\\n\r\t\b\f", r); i >= 0 {
			d.b.WriteString(`\` + string(`"\nrtbf`[i]))
			continue
		}
		switch {
		case r < 0x20 || d.ascii && r > 0x7E && r < 0x10000:
			fmt.Fprintf(&d.b, `\u%04x`, r)
		case d.ascii && r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&d.b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		default:
			d.b.WriteRune(r)
		}
	}
	d.b.WriteByte('"')
}
