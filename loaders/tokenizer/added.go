package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is looked for in the text itself, before the model
// sees it.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // not beside a word character
	Lstrip     bool   `json:"lstrip"`      // takes the white space before it
	Rstrip     bool   `json:"rstrip"`      // takes the white space after it
	Normalized bool   `json:"normalized"`  // looked for in the normalized text
	Special    bool   `json:"special"`     // control token: skipped in decoding
}

// added are the added tokens of a tokenizer.
type added struct {
	ids     map[string]int32
	tokens  map[int32]addedToken
	special map[string]bool
	held    map[int32]bool   // tokens that text is taken for only when asked
	shown   map[int32]string // their normalized content where it differs
	order   []int32          // ids as the file lists them
	plain   *prefixes        // not normalized
	normed  *prefixes
}

// add takes the tokens of a file in order. The ids of the file are not obeyed:
// a token that the model has keeps its id, others get the next free one.
func (a *added) add(list []addedToken, v *vocab, n normalizer) error {
	a.ids, a.tokens = map[string]int32{}, map[int32]addedToken{}
	a.special, a.shown, a.held = map[string]bool{}, map[int32]string{}, map[int32]bool{}
	next := int32(v.size)
	for _, t := range list {
		if t.Content == "" {
			continue
		}
		id, ok := a.ids[t.Content]
		if !ok {
			id, ok = v.ids[t.Content]
		}
		if !ok {
			id = next
			next++
		}
		if id != t.ID {
			return &idError{t.Content, t.ID, id}
		}
		if before, twice := a.tokens[id]; twice && before != t {
			return fmt.Errorf("the added token %q, %d, stands twice in the file, as %+v and as %+v: keep one", t.Content, id, before, t)
		} else if !twice {
			a.order = append(a.order, id)
		}
		shown, err := normalizedContent(t, n)
		if err == nil && shown == "" {
			err = fmt.Errorf("the normalizer leaves nothing of the added token %q, %d: set its normalized to false", t.Content, id)
		}
		if err != nil {
			return err
		}
		delete(a.shown, id)
		if shown != t.Content {
			a.shown[id] = shown
		}
		a.ids[t.Content], a.tokens[id] = id, t
		a.special[t.Content] = a.special[t.Content] || t.Special
		a.held[id] = a.special[t.Content]
	}
	a.index()
	return nil
}

func normalizedContent(t addedToken, n normalizer) (string, error) {
	if !t.Normalized || n == nil {
		return t.Content, nil
	}
	x, steps := valid(t.Content, true), searchSteps(len(t.Content))
	x.steps = &steps
	err := n.normalize(&x)
	return x.s, err
}

// index makes the sets to look in. Of tokens that the normalizer makes the same
// a special one is found, else the first.
func (a *added) index() {
	plain, normed := map[string]int32{}, map[string]int32{}
	for _, id := range a.order {
		t := a.tokens[id]
		if !t.Normalized {
			plain[t.Content] = id
			continue
		}
		s := a.text(id)
		if other, taken := normed[s]; !taken || t.Special && !a.tokens[other].Special {
			normed[s] = id
		}
	}
	a.plain, a.normed = newPrefixes(plain), newPrefixes(normed)
}

// text is the form of a token that decoders see.
func (a *added) text(id int32) string {
	if s, ok := a.shown[id]; ok {
		return s
	}
	return a.tokens[id].Content
}

// hit is an added token in a text; id is -1 for what lies between.
type hit struct {
	cut
	id int32
}

// find cuts s at the tokens of a set: at each place the longest, from left to
// right. Tokens that are held are passed over, whole, unless they are to be parsed.
func (a *added) find(dst []hit, s string, set *prefixes, parse bool) []hit {
	done := 0
	for i := 0; i < len(s) && len(set.keys) > 0; {
		n, id := 0, int32(0)
		if set.first[s[i]] < set.first[int(s[i])+1] {
			n, id = set.longest(s[i:])
		}
		if n == 0 {
			i++
			continue
		}
		c := cut{i, i + n}
		i = c.end
		t := a.tokens[id]
		if !parse && a.held[id] || t.SingleWord && besideWord(s, c) {
			continue
		}
		if t.Lstrip {
			c.start = max(done, len(strings.TrimRightFunc(s[:c.start], unicode.IsSpace)))
		}
		if t.Rstrip {
			c.end = len(s) - len(strings.TrimLeftFunc(s[c.end:], unicode.IsSpace))
		}
		if c.start >= c.end { // nothing but white space that another has taken
			continue
		}
		if done < c.start {
			dst = append(dst, hit{cut{done, c.start}, -1})
		}
		dst = append(dst, hit{c, id})
		done = c.end
	}
	if done < len(s) {
		dst = append(dst, hit{cut{done, len(s)}, -1})
	}
	return dst
}

func besideWord(s string, c cut) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:c.start])
	after, _ := utf8.DecodeRuneInString(s[c.end:])
	return c.start > 0 && isWordChar(before) || c.end < len(s) && isWordChar(after)
}
