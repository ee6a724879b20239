package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// work is the room that encoding needs, used again and again.
type work struct {
	pieces, next []text
	hits, inner  []hit
	tokens       []token
}

// encoder encodes one text.
type encoder struct {
	*Tokenizer
	*work
	o   Options
	out *sequence
}

// sequence encodes a text without what post-processors do; loose leaves out
// offsets.
func (t *Tokenizer) sequence(s string, o Options, kind int32, loose bool) (sequence, error) {
	if len(s) > maxText {
		return sequence{}, errLong
	}
	w, _ := t.work.Get().(*work)
	if w == nil {
		w = new(work)
	}
	defer t.work.Put(w)
	out := sequence{text: s}
	out.IDs = make([]int32, 0, len(s)/3+4)
	e := encoder{t, w, o, &out}
	x, steps := valid(s, loose && !t.placed), searchSteps(len(s))
	x.steps = &steps
	err := e.encode(x, loose)
	if !loose {
		out.setTypes(kind)
	}
	return out, err
}

// encode cuts at the added tokens of the raw text.
func (e *encoder) encode(x text, loose bool) error {
	e.hits = e.added.find(e.hits[:0], x.s, e.added.plain, e.o.Parse)
	for _, h := range e.hits {
		gap := x.slice(h.start, h.end)
		if h.id >= 0 {
			e.emitAdded(gap, h.id, loose)
		} else if err := e.gap(gap, loose); err != nil {
			return err
		}
	}
	return nil
}

// gap normalizes what lies between two of them and cuts it again.
func (e *encoder) gap(x text, loose bool) error {
	if e.norm != nil {
		if err := e.norm.normalize(&x); err != nil {
			return err
		}
	}
	if len(e.added.normed.keys) == 0 {
		return e.plainText(x.slice(0, len(x.s)), loose)
	}
	e.inner = e.added.find(e.inner[:0], x.s, e.added.normed, e.o.Parse)
	for _, h := range e.inner {
		part := x.slice(h.start, h.end)
		if h.id >= 0 {
			e.emitAdded(part, h.id, loose)
		} else if err := e.plainText(part, loose); err != nil {
			return err
		}
	}
	return nil
}

// plainText cuts text without added tokens and gives the pieces to the model.
func (e *encoder) plainText(x text, loose bool) error {
	if e.direct != nil && loose {
		return e.stream(x)
	}
	e.pieces = append(e.pieces[:0], x)
	for _, p := range e.pre {
		e.next = e.next[:0]
		for _, t := range e.pieces {
			var err error
			if e.next, err = p.split(e.next, t); err != nil {
				return err
			}
		}
		e.pieces, e.next = e.next, e.pieces
	}
	for i := range e.pieces {
		if err := e.emit(&e.pieces[i], loose); err != nil {
			return err
		}
	}
	return nil
}

// stream gives pieces to the model as they are found.
func (e *encoder) stream(x text) error {
	var first error
	done := 0
	piece := func(a, b int) {
		if a < b && first == nil {
			p := text{s: x.s[a:b]}
			first = e.emit(&p, true)
		}
	}
	err := e.direct.pattern.each(x.s, x.steps, func(a, b int) {
		if e.direct.how == isolated {
			piece(done, a)
		}
		piece(a, b)
		done = b
	})
	if e.direct.how == isolated {
		piece(done, len(x.s))
	}
	if err == nil {
		err = first
	}
	return err
}

// emit appends the tokens of a piece.
func (e *encoder) emit(x *text, loose bool) error {
	if x.s == "" {
		return nil
	}
	var err error
	if e.tokens, err = e.model.tokenize(e.tokens[:0], x.s); err != nil {
		return err
	}
	if !e.o.Parse && e.forged(x.s) {
		return e.disarm(x, loose)
	}
	for _, k := range e.tokens {
		e.out.IDs = append(e.out.IDs, k.id)
	}
	if loose {
		return nil
	}
	for _, k := range e.tokens {
		p := x.span(int(k.start), int(k.end))
		e.out.Offsets = append(e.out.Offsets, Offset{p.start, p.end})
		e.out.values = append(e.out.values, e.value(x.s, k))
	}
	return nil
}

// value is what post-processors take for the text of a token. Unigram models
// keep that of what they do not know.
func (e *encoder) value(piece string, k token) string {
	if e.keepsUnknown && e.unknown == k.id {
		return piece[k.start:k.end]
	}
	return e.vocab.tokens[k.id]
}

// forged says whether the model itself took text for a control token, which
// vocabularies allow that hold them as words.
func (e *encoder) forged(piece string) bool {
	return slices.ContainsFunc(e.tokens, func(k token) bool { return e.isForged(piece, k) })
}

func (e *encoder) isForged(piece string, k token) bool {
	return int(k.id) < len(e.control) && e.control[k.id] && utf8.RuneCountInString(e.vocab.tokens[k.id]) > 1 && utf8.RuneCountInString(piece[k.start:k.end]) > 1
}

// disarm cuts such text after its first character, so that it stays text.
func (e *encoder) disarm(x *text, loose bool) error {
	var parts []text
	done := 0
	for _, k := range e.tokens {
		if e.isForged(x.s, k) {
			_, n := utf8.DecodeRuneInString(x.s[k.start:])
			parts = append(parts, x.slice(done, int(k.start)+n))
			done = int(k.start) + n
		}
	}
	for _, p := range append(parts, x.slice(done, len(x.s))) {
		if err := e.emit(&p, loose); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) emitAdded(x text, id int32, loose bool) {
	e.out.IDs = append(e.out.IDs, id)
	if !loose {
		p := x.span(0, len(x.s))
		e.out.Offsets = append(e.out.Offsets, Offset{p.start, p.end})
		e.out.values = append(e.out.values, x.s)
	}
}

// text runs the decoders.
func (t *Tokenizer) text(tokens []string) string {
	if t.plain {
		return strings.Join(tokens, " ")
	}
	for _, d := range t.dec {
		tokens = d(tokens)
	}
	return strings.Join(tokens, "")
}
