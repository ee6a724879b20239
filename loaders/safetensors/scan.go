package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// scanner reads the JSON of a header. A plan over a sharded model reads a
// hundred thousand small objects of one form, for which encoding/json takes
// most of the time; what is not of that form is left to it.
type scanner struct {
	text []byte
	at   int
}

// peek returns the next byte that is no space, or zero at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// skip takes the next byte when it is c.
func (s *scanner) skip(c byte) bool {
	if s.peek() != c || s.at == len(s.text) {
		return false
	}
	s.at++
	return true
}

// want takes the next byte, which must be c.
func (s *scanner) want(c byte) error {
	if s.skip(c) {
		return nil
	}
	if s.at == len(s.text) {
		return fmt.Errorf("it ends where %q belongs", c)
	}
	return fmt.Errorf("byte %d is %q where %q belongs", s.at, s.text[s.at], c)
}

// object calls field with each key; field must take the value.
func (s *scanner) object(field func(key string) error) error {
	return s.list('{', '}', func() error {
		key, err := s.string()
		if err == nil {
			err = s.want(':')
		}
		if err != nil {
			return err
		}
		return field(key)
	})
}

// list calls item for what stands between two brackets and is set apart by commas.
func (s *scanner) list(begin, end byte, item func() error) error {
	if err := s.want(begin); err != nil {
		return err
	}
	for first := true; !s.skip(end); first = false {
		if !first {
			if err := s.want(','); err != nil {
				return err
			}
		}
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

// string takes a string. Those with escapes, control characters or more than
// ASCII are for encoding/json to judge.
func (s *scanner) string() (string, error) {
	if s.peek() != '"' {
		return "", s.want('"')
	}
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			out := string(s.text[s.at+1 : i])
			s.at = i + 1
			return out, nil
		case c == '\\' || c < ' ' || c > '~':
			var out string
			err := s.decode(&out)
			return out, err
		}
	}
	return "", errors.New("a string does not end")
}

// int takes a whole number.
func (s *scanner) int() (int64, error) {
	s.peek()
	from := s.at
	for s.at < len(s.text) && bytes.IndexByte([]byte("+-.0123456789eE"), s.text[s.at]) >= 0 {
		s.at++
	}
	digits := s.text[from:s.at]
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if plain := bytes.TrimPrefix(digits, []byte("-")); err != nil || digits[0] == '+' || plain[0] == '0' && len(plain) > 1 {
		return 0, fmt.Errorf("%q is not a whole number of 64 bits", digits)
	}
	return n, nil
}

// decode takes any value, as encoding/json does.
func (s *scanner) decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(s.text[s.at:]))
	err := d.Decode(v)
	s.at += int(d.InputOffset())
	return err
}
