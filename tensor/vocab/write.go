package vocab

import (
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
	list := make([]json.RawMessage, len(added))
	for i, a := range added {
		list[i] = a.encode()
	}
	model := t.model.set("vocab", t.encodePieces()).encode()
	return indented(t.top.set("added_tokens", encodeList(list)).set("model", model).encode())
}

func (a Added) encode() json.RawMessage {
	o := object{{"id", json.RawMessage(strconv.Itoa(a.ID))}, {"content", appendQuoted(nil, a.Content)}}
	for _, f := range []struct {
		key string
		on  bool
	}{{"single_word", a.SingleWord}, {"lstrip", a.LStrip}, {"rstrip", a.RStrip}, {"normalized", a.Normalized}, {"special", a.Special}} {
		o = append(o, member{f.key, json.RawMessage(strconv.FormatBool(f.on))})
	}
	return o.encode()
}

func (t *Tokenizer) encodePieces() json.RawMessage {
	if t.kind == Unigram {
		list := make([]json.RawMessage, len(t.pieces))
		for i, p := range t.pieces {
			list[i] = encodeList([]json.RawMessage{appendQuoted(nil, p.text), p.score})
		}
		return encodeList(list)
	}
	o := make(object, len(t.pieces))
	for i, p := range t.pieces {
		o[i] = member{p.text, strconv.AppendInt(nil, int64(p.id), 10)}
	}
	return o.encode()
}
