package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// scanner walks over one level of a document that is known to be valid JSON.
// The package's own decoder would read a large vocabulary once for each level.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\n' || s.text[s.at] == '\t' || s.text[s.at] == '\r') {
		s.at++
	}
}

// open steps into an object or a list, if there is one.
func (s *scanner) open(bracket byte) bool {
	s.space()
	if s.at >= len(s.text) || s.text[s.at] != bracket {
		return false
	}
	s.at++
	return true
}

// more says whether another item follows, and steps to it.
func (s *scanner) more(end byte) bool {
	s.space()
	if s.at < len(s.text) && s.text[s.at] == ',' {
		s.at++
		s.space()
	}
	return s.at < len(s.text) && s.text[s.at] != end
}

// value returns the next value as it is spelled.
func (s *scanner) value() json.RawMessage {
	s.space()
	from, depth := s.at, 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			s.skipString()
			if depth == 0 {
				return s.text[from:s.at]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				if depth == 0 {
					s.at++
				}
				return bytes.TrimRight(s.text[from:s.at], " \t\r\n")
			}
		case ',':
			if depth == 0 {
				return bytes.TrimRight(s.text[from:s.at], " \t\r\n")
			}
		}
		s.at++
	}
	return bytes.TrimRight(s.text[from:s.at], " \t\r\n")
}

func (s *scanner) skipString() {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
}

// key returns the next key of an object and steps behind its colon.
func (s *scanner) key() (string, error) {
	from := s.at
	s.skipString()
	key, err := unquote(s.text[from:min(s.at, len(s.text))])
	s.space()
	if s.at < len(s.text) {
		s.at++ // the colon
	}
	return key, err
}

// unquote reads a string; most have nothing to be unescaped.
func unquote(raw []byte) (string, error) {
	if n := len(raw); n >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : n-1]), nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

// membersOf cuts an object at its keys.
func membersOf(text []byte) (object, error) {
	s := scanner{text: text}
	if !s.open('{') {
		return nil, errors.New("want an object")
	}
	var o object
	for s.more('}') {
		key, err := s.key()
		if err != nil {
			return nil, err
		}
		o = append(o, member{key, s.value()})
	}
	return o, nil
}
