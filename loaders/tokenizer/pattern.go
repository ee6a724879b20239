package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// matchTime bounds one search by a pattern that came with a model: patterns
// that backtrack without end become an error.
const matchTime = 5 * time.Second

// searchTime bounds all searches in a text, so that many slow matches do not add
// up to one without end. Sound patterns take a tenth of it or less.
func searchTime(text int) time.Duration {
	return matchTime + time.Duration(text)*20*time.Microsecond
}

// errSlow is the error for a text on which they run out of time.
var errSlow = errors.New("the split patterns of the tokenizer take too long on this text: use the tokenizer.json of the model's maker, or cut the text into documents")

// pattern finds its matches in a piece, left to right, without overlap.
type pattern interface {
	each(s string, f func(a, b int)) error
}

// findAll lists the matches of a pattern.
func findAll(p pattern, s string) ([]cut, error) {
	var out []cut
	err := p.each(s, func(a, b int) { out = append(out, cut{a, b}) })
	return out, err
}

// literal matches itself; when empty, nothing.
type literal string

func (p literal) each(s string, f func(a, b int)) error {
	for done := 0; p != ""; {
		i := strings.Index(s[done:], string(p))
		if i < 0 {
			return nil
		}
		f(done+i, done+i+len(p))
		done += i + len(p)
	}
	return nil
}

// class matches each single character for which it says yes.
type class func(rune) bool

func (p class) each(s string, f func(a, b int)) error {
	for i, r := range s {
		if p(r) {
			f(i, i+utf8.RuneLen(r))
		}
	}
	return nil
}

// runs matches the longest runs of characters of one kind, 0 being none.
type runs func(rune) int

func (p runs) each(s string, f func(a, b int)) error {
	start, kind := 0, 0
	for i, r := range s {
		if k := p(r); k != kind {
			if kind != 0 {
				f(start, i)
			}
			start, kind = i, k
		}
	}
	if kind != 0 {
		f(start, len(s))
	}
	return nil
}

// matcher is a hand-written pattern: it returns the end of the match that
// begins at byte i, or i if none does.
type matcher func(s string, i int) int

func (p matcher) each(s string, f func(a, b int)) error {
	for i := 0; i < len(s); {
		if j := p(s, i); j > i {
			f(i, j)
			i = j
			continue
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return nil
}

// regex is any other pattern.
type regex struct {
	re    *regexp2.Regexp
	whole func(text int) time.Duration // bounds all matches in a text
}

// compile takes a pattern as tokenizer files hold it, in Oniguruma's syntax.
// The patterns of well-known tokenizers have matchers written by hand.
func compile(expr string) (pattern, error) {
	if m := wellKnown(expr); m != nil {
		return m, nil
	}
	return compileRegex(expr)
}

func compileRegex(expr string) (pattern, error) {
	dotnet, err := fromOniguruma(expr)
	if err != nil {
		return nil, err
	}
	re, err := regexp2.Compile(dotnet, regexp2.OptionMaxBacktrackingStackSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("the pattern %q cannot be read: %w", expr, err)
	}
	re.MatchTimeout = matchTime
	return regex{re, searchTime}, nil
}

func (p regex) each(s string, f func(a, b int)) error {
	runes := []rune(s)
	at, byteAt := 0, 0 // the same place in runes and in bytes
	to := func(i int) int {
		for ; at < i; at++ {
			byteAt += utf8.RuneLen(runes[at])
		}
		return byteAt
	}
	end, late, last := time.Now().Add(p.whole(len(s))), false, -1
	err := p.re.FindRunesMatches(runes, -1, func(v regexp2.MatchView) bool {
		i, n, _ := v.GroupRange(0)
		if n > 0 || i != last { // as in Oniguruma, none that is empty behind another
			a := to(i)
			f(a, to(i+n))
		}
		last = i + n
		late = time.Now().After(end)
		return !late
	})
	if late {
		return errSlow
	}
	if err != nil {
		return fmt.Errorf("the split pattern %q of the tokenizer did not finish on this text: %w", p.re.String(), err)
	}
	return nil
}
