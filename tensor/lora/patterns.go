package lora

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// Patterns are numbers by regular expressions for the ends of modules' names;
// the first that matches counts.
type Patterns []pattern

type pattern struct {
	match *regexp.Regexp
	value float64
}

// UnmarshalJSON keeps the order of the keys, which decides.
func (p *Patterns) UnmarshalJSON(text []byte) error {
	*p = nil
	if string(text) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, fmt.Errorf("a pattern is an object of numbers by names, not %.40s", text))
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		var one pattern
		if err := d.Decode(&one.value); err != nil {
			return err
		}
		if one.match, err = regexp.Compile(`^(?:.*\.)?(?:` + name + `)$`); err != nil {
			return fmt.Errorf("the pattern %q is no regular expression that is known here: %w", name, err)
		}
		*p = append(*p, one)
	}
	return nil
}

// find returns the value for a module, or another.
func (p Patterns) find(module string, otherwise float64) float64 {
	for _, one := range p {
		if one.match.MatchString(module) {
			return one.value
		}
	}
	return otherwise
}
