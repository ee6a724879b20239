package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// The split patterns of well-known tokenizers, matched by hand. Each is
// recognised by its exact text and tested against the general engine.

const (
	patternGPT2     = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	shortWords      = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	upperWords      = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lowerWords      = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	wordLead        = `[^\r\n\p{L}\p{N}]?`
	spaceRest       = `|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternDeepSeek = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
	casedWords      = wordLead + upperWords + `*` + lowerWords + `+%K|` + wordLead + upperWords + `+` + lowerWords + `*%K|`
)

// wellKnown returns the matcher of a pattern, nil if it has none.
func wellKnown(expr string) pattern {
	cased := func(k string) string { return strings.ReplaceAll(casedWords, "%K", k) }
	switch expr {
	case patternGPT2:
		return matcher(matchGPT2)
	case shortWords + `|` + wordLead + `[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*` + spaceRest:
		return words{short: true, digits: 1, marks: true}.matcher()
	case cased(shortWords+"?") + `\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + spaceRest:
		return words{cased: true, short: true, digits: 3, slash: true}.matcher()
	case cased("") + `\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + spaceRest:
		return words{cased: true, digits: 1, slash: true}.matcher()
	case `\p{N}{1,3}`:
		return matcher(func(s string, i int) int { return numbersEnd(s, i, 3) })
	case `\p{N}`:
		return matcher(func(s string, i int) int { return numbersEnd(s, i, 1) })
	case "[一-龥\u3040-ゟ゠-ヿ]+":
		return runs(func(r rune) int {
			if r >= '一' && r <= '龥' || r >= 0x3040 && r <= 0x30FF {
				return 1
			}
			return 0
		})
	case patternDeepSeek:
		return matcher(matchDeepSeek)
	}
	// Tiktoken writes these two with possessive quantifiers, which split the
	// same: what follows them never begins with what they take.
	switch strings.NewReplacer("?+", "?", "++", "+", "{1,3}+", "{1,3}", `'(?i:[sdmt]|ll|ve|re)`, shortWords).Replace(expr) {
	case shortWords + `|` + wordLead + `\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*` + spaceRest:
		return words{short: true, digits: 3}.matcher()
	case shortWords + `|` + wordLead + `\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*` + spaceRest:
		return words{short: true, digits: 1}.matcher()
	}
	return nil
}

// words describes a pattern of the family of cl100k and o200k.
type words struct {
	short  bool // 's, 't, 're ... in any case: first of all, or at the end of a cased word
	cased  bool // words end where lower case is followed by upper case
	marks  bool // combining marks belong to words
	slash  bool // symbols take slashes after them, not only ends of lines
	digits int  // most numbers in one match
}

func (w words) matcher() matcher { return w.match }

// match is the first rule that fires at byte i.
func (w words) match(s string, i int) int {
	c, n := bitsAt(s, i)
	if w.short && !w.cased && s[i] == '\'' {
		if j := shortEnd(s, i); j > i {
			return j
		}
	}
	if w.cased {
		if j := w.casedEnd(s, i, c, n); j > i {
			return j
		}
	} else if j := w.wordEnd(s, i, c, n); j > i {
		return j
	}
	if c&isN != 0 {
		return numbersEnd(s, i, w.digits)
	}
	if j := w.symbolsEnd(s, i); j > i {
		return j
	}
	return spacesEnd(s, i, true)
}

// letters are what words are made of.
func (w words) letters() bits {
	if w.marks {
		return isL | isM
	}
	return isL
}

// wordEnd is letters, or one character that is none followed by letters.
func (w words) wordEnd(s string, i int, c bits, n int) int {
	l := w.letters()
	if c&l == 0 {
		if c&(isN|isL|isNewline) != 0 {
			return i
		}
		j := runEnd(s, i+n, l)
		if j == i+n {
			return i
		}
		return j
	}
	return runEnd(s, i+n, l)
}

// casedEnd follows the two cased rules: upper* lower+, else upper+ lower*, each
// with one character before it that is no letter, number or end of line.
func (w words) casedEnd(s string, i int, c bits, n int) int {
	starts := [2]int{i, i}
	if c&(isL|isN|isNewline) == 0 {
		starts[0] = i + n
	}
	for k, b := range starts {
		if k == 1 && starts[0] == i {
			break
		}
		if end := upperLower(s, b); end > b {
			return w.suffix(s, end)
		}
	}
	for _, b := range starts {
		if e := runEnd(s, b, isUpper); e > b {
			return w.suffix(s, runEnd(s, e, isLower))
		}
	}
	return i
}

// upperLower is the end of upper* lower+ from b on, or b.
func upperLower(s string, b int) int {
	e := runEnd(s, b, isUpper)
	if e2 := runEnd(s, e, isLower); e2 > e {
		return e2
	}
	for e > b { // give back until the last character given back is lower as well
		c, n := bitsBefore(s, e)
		if c&isLower != 0 {
			return e
		}
		e -= n
	}
	return b
}

func (w words) suffix(s string, i int) int {
	if w.short && i < len(s) && s[i] == '\'' {
		return shortEnd(s, i)
	}
	return i
}

// symbolsEnd is an optional space, characters that are no space, letter or
// number, and then ends of lines.
func (w words) symbolsEnd(s string, i int) int {
	b := i
	if s[i] == ' ' {
		b++
	}
	not := isSpace | isN | w.letters()
	j := b
	for j < len(s) {
		c, n := bitsAt(s, j)
		if c&not != 0 {
			break
		}
		j += n
	}
	if j == b {
		return i
	}
	for j < len(s) && (s[j] == '\r' || s[j] == '\n' || w.slash && s[j] == '/') {
		j++
	}
	return j
}

// numbersEnd takes at most that many numbers.
func numbersEnd(s string, i, most int) int {
	for ; most > 0 && i < len(s); most-- {
		c, n := bitsAt(s, i)
		if c&isN == 0 {
			break
		}
		i += n
	}
	return i
}

// spacesEnd splits a run of white space: after its last end of line if lines
// count, else before its last character if something follows.
func spacesEnd(s string, i int, lines bool) int {
	j, newline, last := i, -1, i
	for j < len(s) {
		c, n := bitsAt(s, j)
		if c&isSpace == 0 {
			break
		}
		if c&isNewline != 0 {
			newline = j + n
		}
		last = j
		j += n
	}
	switch {
	case lines && newline > 0:
		return newline
	case j == len(s) || last == i:
		return j
	}
	return last
}

// shortEnd is the end of 's, 't, 'm, 'd, 're, 've or 'll in any case, or i. The
// long s folds to s.
func shortEnd(s string, i int) int {
	rest := s[i+1:]
	if rest == "" {
		return i
	}
	switch rest[0] | 0x20 {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if len(rest) > 1 && rest[1]|0x20 == 'e' {
			return i + 3
		}
	case 'l':
		if len(rest) > 1 && rest[1]|0x20 == 'l' {
			return i + 3
		}
	}
	if strings.HasPrefix(rest, "ſ") {
		return i + 1 + len("ſ")
	}
	return i
}

// runEnd is the end of the run of characters that have any of the bits.
func runEnd(s string, i int, want bits) int {
	for i < len(s) {
		c, n := bitsAt(s, i)
		if c&want == 0 {
			break
		}
		i += n
	}
	return i
}

func bitsBefore(s string, i int) (bits, int) {
	r, n := utf8.DecodeLastRuneInString(s[:i])
	return bitsOf(r), n
}
