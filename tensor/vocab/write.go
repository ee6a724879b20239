package vocab

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Encode writes the tokenizer.json: the members in the order in which they
// were read, tokens by id, laid out as the tokenizers package does it.
func (t *Tokenizer) Encode() ([]byte, error) {
	added := t.added
	if added == nil {
		added = []Added{}
	}
	list := make(rawList, len(added))
	for i, a := range added {
		list[i] = a.encode()
	}
	raw, err := list.MarshalJSON()
	if err != nil {
		return nil, err
	}
	top := t.top.set("added_tokens", raw)
	model, err := t.model.set("vocab", t.encodePieces()).MarshalJSON()
	if err != nil {
		return nil, err
	}
	text, err := top.set("model", model).MarshalJSON()
	if err != nil {
		return nil, err
	}
	return indented(text)
}

func (a Added) encode() json.RawMessage {
	o := object{{"id", json.RawMessage(strconv.Itoa(a.ID))}, {"content", quote(a.Content)}}
	for _, f := range []struct {
		key string
		on  bool
	}{{"single_word", a.SingleWord}, {"lstrip", a.LStrip}, {"rstrip", a.RStrip}, {"normalized", a.Normalized}, {"special", a.Special}} {
		o = append(o, member{f.key, json.RawMessage(strconv.FormatBool(f.on))})
	}
	raw, _ := o.MarshalJSON() // of valid parts
	return raw
}

func (t *Tokenizer) encodePieces() json.RawMessage {
	var b bytes.Buffer
	if t.kind == Unigram {
		b.WriteByte('[')
		for i, p := range t.pieces {
			comma(&b, i)
			b.WriteByte('[')
			b.Write(quote(p.text))
			b.WriteByte(',')
			b.Write(p.score)
			b.WriteByte(']')
		}
		b.WriteByte(']')
		return b.Bytes()
	}
	b.WriteByte('{')
	for i, p := range t.pieces {
		comma(&b, i)
		b.Write(quote(p.text))
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(p.id))
	}
	b.WriteByte('}')
	return b.Bytes()
}

func comma(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}
