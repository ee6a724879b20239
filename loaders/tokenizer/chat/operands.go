package chat

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// Names of filters that roux puts into templates; templates that have them
// themselves gain nothing by it.
const (
	filterPrinted = "roux_printed"
	filterOperand = "roux_operand"
	filterLooped  = "roux_looped"
)

// operands puts filters behind the operands of + and ~ while a tag is read: both
// bind less than a filter, so that it sees one operand.
type operands struct {
	open []string // by bracket: the filter that the operand being read is to get
}

func (o *operands) enter() { o.open = append(o.open, "") }

// leave ends the operand and the bracket that it stands in.
func (o *operands) leave(out []byte) []byte {
	out = o.end(out)
	if len(o.open) > 1 {
		o.open = o.open[:len(o.open)-1]
	}
	return out
}

// end puts the filter behind the operand that ends here, if it is to get one.
func (o *operands) end(out []byte) []byte {
	last := len(o.open) - 1
	if o.open[last] != "" {
		out = behind(out, o.open[last])
		o.open[last] = ""
	}
	return out
}

// operator ends the operand before + or ~ and begins the next.
func (o *operands) operator(out []byte, c byte) []byte {
	if !ends(out) { // a sign
		return o.end(out)
	}
	name := filterOperand
	if c == '~' {
		name = filterPrinted
	}
	if out = o.end(out); !bytes.HasSuffix(bytes.TrimRight(out, " \t\r\n"), []byte("|"+name)) {
		out = behind(out, name)
	}
	o.open[len(o.open)-1] = name
	return out
}

// behind puts a filter before the white space that out ends with.
func behind(out []byte, name string) []byte {
	text := bytes.TrimRight(out, " \t\r\n")
	space := string(out[len(text):])
	return append(append(append(text, '|'), name...), space...)
}

// ends says whether what stands there can be the end of an operand.
func ends(out []byte) bool {
	out = bytes.TrimRight(out, " \t\r\n")
	return len(out) > 0 && (letter(out[len(out)-1]) || strings.IndexByte(`)]}"'`, out[len(out)-1]) >= 0)
}

// stops are the words that end an operand.
var stops = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:if|else|and|or|not|is|in|recursive)\b`)
})

// stop says whether what stands at i ends an operand.
func stop(s string, i int) bool {
	switch s[i] {
	case ',', ':', '=', '<', '>', '!', '-', '/', '%':
		return true
	}
	return (i == 0 || !letter(s[i-1])) && stops().MatchString(s[i:])
}

// loop is a for tag over a name and what it has.
var loop = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-?\s*for\s+[\w,\s()]+?\s+in\s+[A-Za-z_](?:[\w.]|\[[^\[\]]*\])*)(\s|-|$)`)
})

// whole puts the filter around all that a tag prints. A choice without an else
// is left as it is.
func whole(inner string) string {
	lead, tail := "", ""
	if strings.HasPrefix(inner, "-") {
		lead, inner = "-", inner[1:]
	}
	if strings.HasSuffix(inner, "-") {
		tail, inner = "-", inner[:len(inner)-1]
	}
	text := strings.TrimSpace(inner)
	if text == "" {
		return lead + inner + tail
	}
	if choice().MatchString(text) {
		if !otherwise().MatchString(text) {
			return lead + inner + tail
		}
	}
	return lead + " (" + text + ")|" + filterPrinted + " " + tail
}

var (
	choice    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bif\b`) })
	otherwise = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\belse\b`) })
)
