package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ParseSentencePiece reads a sentencepiece model: a protobuf message of pieces,
// what the trainer was told, and how text is normalized. Text is encoded as
// sentencepiece does; its control tokens are looked for in the raw text, if they
// are to be parsed.
func ParseSentencePiece(data []byte) (*Tokenizer, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("the model has %d bytes, more than %d", len(data), maxFile)
	}
	b := builder{t: new(Tokenizer), spm: true}
	b.Kind = "t5"
	yes := true
	b.AddSpacePrefix, b.RemoveExtraSpaces = &yes, &yes
	no := false
	b.AddBOS, b.AddEOS = &no, &no
	b.Special = map[string]int32{"unk": 0, "bos": 1, "eos": 2, "pad": -1}
	b.t.unkText = " \u2047 "
	if err := b.model(data); err != nil {
		return nil, err
	}
	return b.finish()
}

func (b *builder) finish() (*Tokenizer, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	build := b.sentencepieceUnigram
	if b.Kind == "llama" {
		build = b.sentencepieceBPE
	}
	if err := build(); err != nil {
		return nil, err
	}
	if err := b.addTokens(); err != nil {
		return nil, err
	}
	b.name()
	b.t.seal(b.bytes())
	return b.t, nil
}

var errProto = errors.New("the model is not a sentencepiece model, or cut short")

// field is one field of a protobuf message.
type field struct {
	number int
	value  uint64 // of varints and fixed numbers
	data   []byte // of what has a length
}

// fields calls f for each field of a message.
func fields(data []byte, f func(field) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
			return errProto
		}
		data = data[n:]
		x := field{number: int(key >> 3)}
		var size int
		switch key & 7 {
		case 0:
			if x.value, size = binary.Uvarint(data); size <= 0 {
				return errProto
			}
		case 1:
			if size = 8; len(data) >= 8 {
				x.value = binary.LittleEndian.Uint64(data)
			}
		case 2:
			length, n := binary.Uvarint(data)
			if n <= 0 || length > uint64(len(data)-n) {
				return errProto
			}
			x.data, size = data[n:n+int(length)], n+int(length)
		case 5:
			if size = 4; len(data) >= 4 {
				x.value = uint64(binary.LittleEndian.Uint32(data))
			}
		default:
			return errProto
		}
		if size > len(data) {
			return errProto
		}
		data = data[size:]
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) model(data []byte) error {
	return fields(data, func(x field) error {
		switch x.number {
		case 1:
			return b.piece(x.data)
		case 2:
			return b.trainer(x.data)
		case 3:
			return b.normalizer(x.data)
		}
		return nil
	})
}

func (b *builder) piece(data []byte) error {
	s, score, kind := "", float32(0), Normal
	err := fields(data, func(x field) error {
		switch x.number {
		case 1:
			s = valid(string(x.data), true).s
		case 2:
			score = math.Float32frombits(uint32(x.value))
		case 3:
			kind = int32(x.value)
		}
		return nil
	})
	if kind < Normal || kind > Byte {
		return fmt.Errorf("piece %d has type %d", len(b.Tokens), kind)
	}
	if len(b.Tokens) >= maxID {
		return fmt.Errorf("the model has more than %d pieces", maxID)
	}
	b.Tokens, b.Scores, b.Types = append(b.Tokens, s), append(b.Scores, score), append(b.Types, kind)
	return err
}

func (b *builder) trainer(data []byte) error {
	return fields(data, func(x field) error {
		switch x.number {
		case 3:
			switch x.value {
			case 1:
				b.Kind = "t5"
			case 2:
				b.Kind = "llama"
			case 3, 4:
				return fmt.Errorf("the model is of type %s: roux reads unigram and bpe", []string{"word", "char"}[x.value-3])
			default:
				return fmt.Errorf("the model is of type %d: roux reads unigram (1) and bpe (2)", x.value)
			}
		case 24:
			b.asSuffix = x.value != 0
		case 44:
			b.t.unkText = valid(string(x.data), true).s
		case 40, 41, 42, 43:
			b.Special[[]string{"unk", "bos", "eos", "pad"}[x.number-40]] = int32(x.value)
		}
		return nil
	})
}

func (b *builder) normalizer(data []byte) error {
	return fields(data, func(x field) error {
		on := x.value != 0
		switch x.number {
		case 2:
			b.CharsMap = x.data
			_, err := newCharsmap(x.data)
			return err
		case 3:
			b.AddSpacePrefix = &on
		case 4:
			b.RemoveExtraSpaces = &on
		case 5:
			if !on {
				return errors.New("the model does not escape white space, which roux does not read")
			}
		}
		return nil
	})
}
