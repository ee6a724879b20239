package tokenizer

import "strings"

// matchGPT2 is GPT-2's pattern; its short words are lower case only.
func matchGPT2(s string, i int) int {
	if s[i] == '\'' {
		if j := shortEnd(s, i); j > i && strings.Trim(s[i+1:j], "stmdrevl") == "" {
			return j
		}
	}
	b := i
	if s[i] == ' ' {
		b++
	}
	if b < len(s) {
		c, n := bitsAt(s, b)
		switch {
		case c&isL != 0:
			return runEnd(s, b+n, isL)
		case c&isN != 0:
			return runEnd(s, b+n, isN)
		case c&isSpace == 0:
			return symbolRun(s, b+n)
		}
	}
	return spacesEnd(s, i, false)
}

func symbolRun(s string, i int) int {
	for i < len(s) {
		c, n := bitsAt(s, i)
		if c&(isSpace|isL|isN) != 0 {
			break
		}
		i += n
	}
	return i
}

// matchDeepSeek is the last of DeepSeek-V3's three patterns. It leaves numbers
// and characters without a class alone.
func matchDeepSeek(s string, i int) int {
	c, n := bitsAt(s, i)
	if s[i] < 0x80 && c&isSymbol != 0 {
		j := i + 1
		for j < len(s) && ('a' <= s[j]|0x20 && s[j]|0x20 <= 'z') {
			j++
		}
		if j > i+1 {
			return j
		}
	}
	switch {
	case c&(isL|isM) != 0:
		return runEnd(s, i, isL|isM)
	case c&(isSymbol|isNewline) == 0:
		if j := runEnd(s, i+n, isL|isM); j > i+n {
			return j
		}
	}
	b := i
	if s[i] == ' ' {
		b++
	}
	if j := runEnd(s, b, isSymbol); j > b {
		return runEnd(s, j, isNewline)
	}
	return spacesEnd(s, i, true)
}
