package tokenizer

import (
	"cmp"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// bits are the classes of a character that split patterns ask for.
type bits uint8

const (
	isCap     bits = 1 << iota // Lu, Lt
	isSmall                    // Ll
	isOther                    // Lm, Lo
	isM                        // M
	isN                        // N
	isSpace                    // White_Space
	isNewline                  // \r and \n
	isSymbol                   // P, S

	isL     = isCap | isSmall | isOther
	isUpper = isCap | isOther | isM
	isLower = isSmall | isOther | isM
)

// asciiBits are the classes of characters below 0x80: looking them up would take
// most of the time that the package needs to start.
var asciiBits = [128]bits{
	0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 96, 32, 32, 96, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	32, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 128, 128, 128, 128, 128, 128,
	128, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 128, 128, 128, 128, 128,
	128, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 128, 128, 128, 128, 0,
}

// bmpBits are the classes of characters below 0x10000.
var bmpBits = sync.OnceValue(func() *[1 << 16]bits {
	out := new([1 << 16]bits)
	for r := range out {
		out[r] = lookup(rune(r))
	}
	return out
})

func lookup(r rune) bits {
	var b bits
	for _, c := range []struct {
		bit    bits
		tables []*unicode.RangeTable
	}{
		{isCap, []*unicode.RangeTable{unicode.Lu, unicode.Lt, moreLu}},
		{isSmall, []*unicode.RangeTable{unicode.Ll, moreLl}},
		{isOther, []*unicode.RangeTable{unicode.Lm, unicode.Lo, moreLm, moreLo}},
		{isM, []*unicode.RangeTable{unicode.M, moreM}},
		{isN, []*unicode.RangeTable{unicode.N, moreN}},
		{isSpace, []*unicode.RangeTable{unicode.White_Space}},
		{isSymbol, []*unicode.RangeTable{unicode.P, unicode.S, moreP, moreS}},
	} {
		if unicode.In(r, c.tables...) {
			b |= c.bit
		}
	}
	if r == '\r' || r == '\n' {
		b |= isNewline
	}
	return b
}

func bitsOf(r rune) bits {
	switch {
	case r < 0x80:
		return asciiBits[r]
	case r < 0x10000:
		return bmpBits()[r]
	}
	return lookup(r)
}

// bitsAt is the class and the length of the character at byte i.
func bitsAt(s string, i int) (bits, int) {
	if c := s[i]; c < 0x80 {
		return asciiBits[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return bitsOf(r), n
}

// The reference's classes of characters where they are not Go's.

func isWordChar(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control, moreWord)
}

func isNumeric(r rune) bool { return unicode.In(r, unicode.N, moreNumeric) }

func isPunct(r rune) bool {
	if r < 0x80 {
		return r > ' ' && r < 0x7F && asciiBits[r]&(isL|isN) == 0
	}
	return unicode.In(r, unicode.P, morePunct) && !unicode.Is(lessPunct, r)
}

func isNonspacing(r rune) bool {
	return r >= 0x300 && unicode.In(r, unicode.Mn, moreMn) && !unicode.Is(lessMn, r)
}

func isCombining(r rune) bool {
	return r >= 0x300 && unicode.In(r, unicode.M, moreMark) && !unicode.Is(lessMark, r)
}

func isControl(r rune) bool {
	if r >= ' ' && r < 0x7F {
		return false
	}
	return r != '\t' && r != '\n' && r != '\r' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && !unicode.Is(lessControl, r)
}

// isIdeograph says which characters the original BERT code took for Chinese;
// 0x2B920 is its own slip, which all keep.
func isIdeograph(r rune) bool {
	for _, x := range [][2]rune{{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F}} {
		if r >= x[0] && r <= x[1] {
			return true
		}
	}
	return false
}

// lower is the full lower-case form of one character.
func lower(r rune) string {
	if r == 0x130 {
		return "i̇"
	}
	if r >= moreLower[0][0] {
		i, ok := slices.BinarySearchFunc(moreLower[:], r, func(p [2]rune, r rune) int { return cmp.Compare(p[0], r) })
		if ok {
			return string(moreLower[i][1])
		}
	}
	return string(unicode.ToLower(r))
}
