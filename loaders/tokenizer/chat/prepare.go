package chat

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// prepare checks a template before gonja sees it, and does itself what gonja
// 2.9 does not do, or not as Jinja:
//
//   - white space before a block that stands first on its line goes, and the end
//     of line after a block (lstrip_blocks and trim_blocks), and comments go;
//   - a choice in parentheses, (a if c else b), becomes
//     (((c) and [a] or [b])[0]), which as well evaluates only what is chosen;
//   - the index [-1] becomes [-1:][0], for gonja does not find the first of a
//     list from the end.
func prepare(template string) (string, error) {
	if len(template) > maxTemplate {
		return "", fmt.Errorf("it has %d bytes, more than %d", len(template), maxTemplate)
	}
	var p preparer
	for rest := template; ; {
		i := strings.Index(rest, "{")
		if i < 0 || i+1 >= len(rest) {
			return string(append(p.out, rest...)), nil
		}
		p.out, rest = append(p.out, rest[:i]...), rest[i:]
		close := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[rest[1]]
		if close == "" {
			p.out, rest = append(p.out, '{'), rest[1:]
			continue
		}
		end := tagEnd(rest[2:], close)
		if end < 0 {
			return "", fmt.Errorf("line %d: a %s is not closed", line(template, rest), rest[:2])
		}
		body := rest[2 : 2+end]
		t, err := p.tag(close, body, rest[2+end+2:])
		if err != nil {
			return "", fmt.Errorf("line %d: %w", line(template, rest), err)
		}
		rest = t
	}
}

// preparer is what has been prepared, and where in it the last line begins
// whose end before it was taken away.
type preparer struct {
	out  []byte
	line int
}

// tag appends one tag to what stands before it, and returns what is left of the
// text after it.
func (p *preparer) tag(close, body, after string) (string, error) {
	left, ended := after, false
	if close != "}}" {
		body, left = p.aroundBlock(body, after)
		ended = len(left) < len(after)
	}
	text := `{{ "" }}` // of comments: keeps the text on both sides apart
	if close == "#}" {
		if strings.HasPrefix(body, "-") {
			p.out = bytes.TrimRight(p.out, " \t\r\n")
		}
		if strings.HasSuffix(body, "-") {
			left = strings.TrimLeft(left, " \t\r\n")
		}
	} else {
		if close == "}}" {
			body = whole(body)
		} else {
			body = loop().ReplaceAllString(body, "$1|"+filterLooped+"$2")
		}
		inner, err := expression(body)
		if err != nil {
			return "", err
		}
		text = map[string]string{"}}": "{{", "%}": "{%"}[close] + inner + close
	}
	p.out = append(p.out, text...)
	if ended {
		p.line = len(p.out)
	}
	return left, nil
}

// aroundBlock takes away the white space around a block that Jinja would; + in
// the block says not to.
func (p *preparer) aroundBlock(body, after string) (string, string) {
	if rest, plus := strings.CutPrefix(body, "+"); plus {
		body = rest
	} else if before := bytes.TrimRight(p.out, " \t"); len(before) <= p.line || before[len(before)-1] == '\n' {
		p.out = p.out[:max(len(before), p.line)]
	}
	if rest, plus := strings.CutSuffix(body, "+"); plus {
		return rest, after
	}
	return body, strings.TrimPrefix(strings.TrimPrefix(after, "\r"), "\n")
}

func line(all, rest string) int {
	return 1 + strings.Count(all[:len(all)-len(rest)], "\n")
}

// tagEnd finds the end of a tag, past strings.
func tagEnd(s, close string) int {
	for i := 0; i < len(s); {
		if close != "#}" && (s[i] == '"' || s[i] == '\'') {
			i = stringEnd(s, i)
			continue
		}
		if strings.HasPrefix(s[i:], close) {
			return i
		}
		i++
	}
	return -1
}

// stringEnd is the end of the string literal that begins at i.
func stringEnd(s string, i int) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(s)
}

const (
	maxNesting   = 64  // brackets within brackets
	maxOperators = 400 // of a tag, members and calls among them: gonja takes the square of their number
)

var (
	errNesting  = errors.New("brackets stand too deep within each other")
	errOperator = errors.New("more than 400 operators in one tag")
	errTimes    = errors.New("multiplication is not supported: it could make texts of any length")
)

// group is an open parenthesis: where in the output it and its parts begin.
type group struct{ open, ifAt, elseAt int }

// part marks what begins at s[i], and at a place of the output, as a part of the
// group.
func (g *group) part(s string, i, at int) {
	switch {
	case word(s, i, "if") && g.ifAt < 0:
		g.ifAt = at
	case word(s, i, "else") && g.ifAt >= 0 && g.elseAt < 0:
		g.elseAt = at
	case s[i] == ',': // arguments: their choices are left alone
		g.open, g.ifAt, g.elseAt = -1, at, -1
	}
}

// expression checks one tag and rewrites choices.
func expression(s string) (string, error) {
	var out []byte
	var groups []group
	var ops operands
	ops.enter()
	operators := 0
	for i := 0; i < len(s); {
		c := s[i]
		if stop(s, i) {
			out = ops.end(out)
		}
		switch {
		case c == '"' || c == '\'':
			j := stringEnd(s, i)
			out = append(out, s[i:j]...)
			i = j
			continue
		case c == '[' && indexes(out) && fromEnd().MatchString(s[i:]):
			operators++
			m := fromEnd().FindStringSubmatch(s[i:])
			out = append(out, "["+m[1]+":][0]"...)
			i += len(m[0])
			continue
		case c == '(' || c == '[' || c == '{':
			if c != '{' && indexes(out) {
				operators++
			}
			groups = append(groups, group{len(out), -1, -1})
			ops.enter()
			if len(groups) > maxNesting {
				return "", errNesting
			}
		case (c == ')' || c == ']' || c == '}') && len(groups) > 0:
			g := groups[len(groups)-1]
			groups = groups[:len(groups)-1]
			out = ops.leave(out)
			out = append(out, c)
			if c == ')' && g.elseAt > 0 {
				out = choose(out, g)
			}
			i++
			continue
		case c == '*' && !unpacks(out):
			return "", errTimes
		case c == '~' || c == '+':
			operators++
			out = ops.operator(out, c)
		case c == '*' || c == '.' && indexes(out):
			operators++
		case len(groups) > 0:
			groups[len(groups)-1].part(s, i, len(out))
		}
		if operators > maxOperators {
			return "", errOperator
		}
		out = append(out, c)
		i++
	}
	return string(ops.end(out)), nil
}

// unpacks says whether a * that comes next unpacks arguments.
func unpacks(before []byte) bool {
	s := strings.TrimRight(string(before), " \t\r\n")
	return strings.HasSuffix(s, "(") || strings.HasSuffix(s, ",") || strings.HasSuffix(s, "*")
}

// indexes says whether a [ that comes next is an index and not a list.
func indexes(before []byte) bool {
	if len(before) == 0 {
		return false
	}
	c := before[len(before)-1]
	return c == ')' || c == ']' || c == '"' || c == '\'' || letter(c)
}

func letter(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// word says whether a word stands at i by itself.
func word(s string, i int, w string) bool {
	return strings.HasPrefix(s[i:], w) && (i == 0 || !letter(s[i-1])) && (i+len(w) == len(s) || !letter(s[i+len(w)]))
}

// fromEnd is an index from the end.
var fromEnd = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\[\s*(-\d+)\s*\]`)
})

// assigned finds a lone =: the choice is a named argument then.
var assigned = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*\w+\s*=[^=]`)
})

// choose rewrites (a if c else b), which out ends with. What stands before the
// parenthesis may be a function whose argument it is.
func choose(out []byte, g group) []byte {
	if g.open < 0 {
		return out
	}
	all := string(out[g.open:])
	at := func(i int) int { return i - g.open }
	a, c, b := all[1:at(g.ifAt)], all[at(g.ifAt)+len("if"):at(g.elseAt)], all[at(g.elseAt)+len("else"):len(all)-1]
	if assigned().MatchString(a) {
		return out
	}
	if chain, err := expression("(" + b + ")"); err == nil {
		b = chain
	}
	return append(out[:g.open], "((("+c+") and ["+a+"] or ["+b+"])[0])"...)
}
