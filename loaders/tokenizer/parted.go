package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// parted is a model that sees text without spaces cut away, such as Llama 2's:
// the text is cut before each ▁ where no token could reach across, and the
// parts are short enough to remember.
type parted struct {
	bpe   *bpe
	words remembered
}

func (m parted) tokenize(dst []token, piece string) ([]token, error) {
	for start := 0; start < len(piece); {
		end, from := m.cut(piece, start), len(dst)
		var err error
		if dst, err = m.words.tokenize(dst, piece[start:end]); err != nil {
			return dst, err
		}
		for i := from; i < len(dst); i++ {
			dst[i].start += int32(start)
			dst[i].end += int32(start)
		}
		start = end
	}
	return dst, nil
}

// cut is the end of the part that begins at start.
func (m parted) cut(s string, start int) int {
	for i := start; ; {
		k := strings.Index(s[i:], "▁")
		if k < 0 {
			return len(s)
		}
		i += k
		if i > start {
			if r, _ := utf8.DecodeLastRuneInString(s[:i]); !m.bpe.before[r] {
				return i
			}
		}
		i += len("▁")
	}
}
