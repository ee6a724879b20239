package gguf

import (
	"fmt"
	"slices"
)

// Metadata is the keys and values of a header, in the order of the file.
type Metadata struct {
	keys   []string
	values map[string]any
}

// Keys lists the keys.
func (m Metadata) Keys() []string { return slices.Clone(m.keys) }

// Value returns what a key holds: uint64, int64, float64, bool, string or a
// list of those; nil when there is no such key.
func (m Metadata) Value(key string) any { return m.values[key] }

// Text returns a text; empty when the key is not there or holds none.
func (m Metadata) Text(key string) string {
	s, _ := m.values[key].(string)
	return s
}

// Int returns a whole number of either sign.
func (m Metadata) Int(key string) (int64, bool) {
	switch v := m.values[key].(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v < 1<<63
	}
	return 0, false
}

// Float returns a number; whole ones too.
func (m Metadata) Float(key string) (float64, bool) {
	if f, ok := m.values[key].(float64); ok {
		return f, true
	}
	i, ok := m.Int(key)
	return float64(i), ok
}

// Bool returns a truth value.
func (m Metadata) Bool(key string) (value, ok bool) {
	value, ok = m.values[key].(bool)
	return value, ok
}

// Texts returns a list of texts.
func (m Metadata) Texts(key string) []string {
	list, _ := m.values[key].([]string)
	return list
}

// Floats returns a list of numbers with fractions.
func (m Metadata) Floats(key string) []float64 {
	list, _ := m.values[key].([]float64)
	return list
}

// Ints returns a list of whole numbers.
func (m Metadata) Ints(key string) []int64 {
	list, _ := m.values[key].([]int64)
	return list
}

// alignment is what offsets are multiples of.
func (m Metadata) alignment() (int64, error) {
	const key = "general.alignment"
	if m.values[key] == nil {
		return defaultPage, nil
	}
	n, ok := m.Int(key)
	if !ok || n < 1 || n > 1<<20 || n&(n-1) != 0 {
		return 0, fmt.Errorf("%s is %v, which is no power of two", key, m.values[key])
	}
	return n, nil
}
