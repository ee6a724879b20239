package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sequence is one of the texts on its way out, or special tokens between them.
type sequence struct {
	Encoding
	values []string // what stands in the text for each token; only with offsets
	text   string   // the original
}

// postprocessor puts special tokens beside sequences, if they are wanted, and
// narrows offsets.
type postprocessor interface {
	process(in []sequence, specials bool) []sequence
}

// special is a special token of a template.
type special struct {
	name string
	ids  []int32
}

func (s special) sequence(kind int32) sequence {
	var out sequence
	for _, id := range s.ids {
		out.IDs, out.Offsets = append(out.IDs, id), append(out.Offsets, Offset{})
		out.Types, out.values = append(out.Types, kind), append(out.values, s.name)
	}
	return out
}

// item is one entry of a template: a special token, or a sequence.
type item struct {
	special *special
	seq     int
	kind    int32
}

// template lists what comes out for one text and for two.
type template struct{ single, pair []item }

func (p template) process(in []sequence, specials bool) []sequence {
	items := p.single
	if len(in) > 1 {
		items = p.pair
	}
	var out []sequence
	for _, it := range items {
		switch {
		case it.special == nil && it.seq < len(in):
			s := in[it.seq]
			s.setTypes(it.kind)
			out = append(out, s)
		case it.special != nil && specials:
			out = append(out, it.special.sequence(it.kind))
		}
	}
	return out
}

func (s *sequence) setTypes(kind int32) {
	s.Types = make([]int32, len(s.IDs))
	for i := range s.Types {
		s.Types[i] = kind
	}
}

// around is the processing of BERT and RoBERTa: cls, text, sep, and for a pair
// once more.
type around struct {
	cls, sep special
	roberta  bool // all types 0, and a sep before the second text as well
}

func (p around) process(in []sequence, specials bool) []sequence {
	var out []sequence
	for i, s := range in {
		kind := int32(min(i, 1))
		if p.roberta {
			kind = 0
			s.setTypes(0)
		}
		if specials && i == 0 {
			out = append(out, p.cls.sequence(0))
		}
		if specials && i > 0 && p.roberta {
			out = append(out, p.sep.sequence(0))
		}
		out = append(out, s)
		if specials {
			out = append(out, p.sep.sequence(kind))
		}
	}
	return out
}

// trim takes white space out of offsets. A prefix space that the tokenizer has
// added itself is not there to take.
type trim struct{ prefixSpace bool }

func (p trim) process(in []sequence, _ bool) []sequence {
	for k := range in {
		for i := range in[k].values {
			p.narrow(&in[k].Offsets[i], i, in[k].values[i], in[k].text)
		}
	}
	return in
}

func (p trim) narrow(o *Offset, i int, value, text string) {
	blank := func(r rune) bool { return r == byteToChar[' '] || unicode.IsSpace(r) }
	right := strings.TrimRightFunc(value, blank)
	leading := utf8.RuneCountInString(value) - utf8.RuneCountInString(strings.TrimLeftFunc(value, blank))
	trailing := utf8.RuneCountInString(value) - utf8.RuneCountInString(right)
	if (i == 0 || o.Start == 0) && p.prefixSpace && leading == 1 {
		leading = 0
	}
	for ; leading > 0 && o.Start < o.End; leading-- {
		_, n := utf8.DecodeRuneInString(text[o.Start:])
		o.Start = min(o.Start+n, o.End)
	}
	// Only near the beginning can there be too few: counting from there for each
	// token of a long text would take the square of its length.
	if o.End < utf8.UTFMax*trailing && utf8.RuneCountInString(text[:o.End]) < trailing {
		return
	}
	for ; trailing > 0 && o.End > o.Start; trailing-- {
		_, n := utf8.DecodeLastRuneInString(text[:o.End])
		o.End = max(o.End-n, o.Start)
	}
}

// parsePost reads a post-processor as the list of its steps. Some kinds are told
// by their fields alone, as the reference does.
func parsePost(path string, raw json.RawMessage, depth int) ([]postprocessor, error) {
	p, err := newPart(path, raw, nil)
	if p == nil || err != nil {
		return nil, err
	}
	switch {
	case p.has("sep", "cls"):
		return p.around()
	case p.has("processors"):
		return p.processors(depth)
	case p.has("single") || p.has("pair"):
		return p.template()
	case p.kind == "ByteLevel":
		if get(p, "trim_offsets", true) {
			return []postprocessor{trim{get(p, "add_prefix_space", true)}}, p.err
		}
		return nil, p.err
	}
	return nil, p.unknown("post-processor")
}

func (p *part) processors(depth int) ([]postprocessor, error) {
	raws, err := p.list("processors")
	if depth > maxDepth {
		err = errDeep
	}
	var out []postprocessor
	for i, raw := range raws {
		if err != nil {
			break
		}
		var more []postprocessor
		path := fmt.Sprintf("%s.processors[%d]", p.path, i)
		if more, err = parsePost(path, raw, depth+1); slices.ContainsFunc(out, arranges) && slices.ContainsFunc(more, arranges) {
			err = fmt.Errorf("%s puts tokens beside texts that have some already, which roux does not do: keep one such post-processor", path)
		}
		out = append(out, more...)
	}
	return out, err
}

// arranges says whether a step puts tokens beside texts.
func arranges(p postprocessor) bool {
	_, only := p.(trim)
	return !only
}

func (p *part) around() ([]postprocessor, error) {
	a := around{cls: p.named("cls"), sep: p.named("sep"), roberta: p.has("trim_offsets", "add_prefix_space")}
	if a.roberta && get(p, "trim_offsets", true) {
		return []postprocessor{trim{get(p, "add_prefix_space", true)}, a}, p.err
	}
	return []postprocessor{a}, p.err
}

// named reads a field ["[SEP]", 102].
func (p *part) named(field string) special {
	raw := get(p, field, []json.RawMessage(nil))
	var s special
	var id int32
	if p.err == nil && (len(raw) != 2 || json.Unmarshal(raw[0], &s.name) != nil || json.Unmarshal(raw[1], &id) != nil) {
		p.err = fmt.Errorf("%s.%s is not a token and its id", p.path, field)
	}
	s.ids = []int32{id}
	return s
}

type jsonItem struct {
	Sequence *struct {
		ID     string `json:"id"`
		TypeID int32  `json:"type_id"`
	}
	SpecialToken *struct {
		ID     string `json:"id"`
		TypeID int32  `json:"type_id"`
	}
}

func (p *part) template() ([]postprocessor, error) {
	type jsonSpecial struct {
		IDs []int32 `json:"ids"`
	}
	known := get(p, "special_tokens", map[string]jsonSpecial(nil))
	read := func(name string) []item {
		var out []item
		for _, j := range get(p, name, []jsonItem(nil)) {
			switch {
			case j.Sequence != nil && (j.Sequence.ID == "A" || j.Sequence.ID == "B"):
				out = append(out, item{seq: int(j.Sequence.ID[0] - 'A'), kind: j.Sequence.TypeID})
			case j.SpecialToken != nil && known[j.SpecialToken.ID].IDs != nil:
				out = append(out, item{special: &special{j.SpecialToken.ID, known[j.SpecialToken.ID].IDs}, kind: j.SpecialToken.TypeID})
			case p.err == nil:
				p.err = fmt.Errorf("%s.%s has an item that is neither Sequence A or B nor one of its special_tokens", p.path, name)
			}
		}
		return out
	}
	t := template{read("single"), read("pair")}
	return []postprocessor{t}, p.err
}
