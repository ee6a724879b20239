package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Set stores a value under a key, behind those that there are if it is new:
// uint64, int64, float64, bool, string or a list of those. Numbers are written
// in 32 bits where they fit, as llama.cpp expects them. It panics on other types.
func (m *Metadata) Set(key string, value any) {
	if m.values == nil {
		m.values = map[string]any{}
	}
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	if f, ok := value.(float32); ok {
		value = float64(f)
	}
	m.values[key] = value
	appendValue(nil, value) // panics here rather than later
}

// AppendHeader appends a file of version 3 up to where the bytes of the tensors
// begin, and places the tensors one behind another: their offsets are set. Their
// order is kept.
func AppendHeader(dst []byte, m *Metadata, tensors []Entry) ([]byte, error) {
	page, err := m.alignment()
	if err != nil {
		return nil, err
	}
	start := len(dst)
	dst = m.append(dst, len(tensors))
	end := int64(0)
	for i := range tensors {
		e := &tensors[i]
		info, err := e.info()
		if err != nil {
			return nil, err
		}
		e.Offset = roundUp(end, page)
		end = e.Offset + info.Bytes()
		dst = e.append(dst)
	}
	at := int64(len(dst) - start)
	return append(dst, make([]byte, roundUp(at, page)-at)...), nil
}

// NewEntry is a tensor of plain float32 values.
func NewEntry(name string, shape ...int) Entry { return Entry{Name: name, Shape: shape} }

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

func (e *Entry) append(dst []byte) []byte {
	dst = appendText(dst, e.Name)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Shape)))
	for _, d := range slices.Backward(e.Shape) {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(d))
	}
	dst = binary.LittleEndian.AppendUint32(dst, e.Type)
	return binary.LittleEndian.AppendUint64(dst, uint64(e.Offset))
}

// append appends everything before the list of so many tensors.
func (m *Metadata) append(dst []byte, tensors int) []byte {
	dst = append(dst, "GGUF\x03\x00\x00\x00"...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(tensors))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(m.keys)))
	for _, key := range m.keys {
		dst = appendValue(appendText(dst, key), m.values[key])
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendValue appends the type of a value and the value.
func appendValue(dst []byte, value any) []byte {
	kind := func(k uint32) []byte { return binary.LittleEndian.AppendUint32(dst, k) }
	switch v := value.(type) {
	case []string:
		return appendList(kind(typeArray), v, typeString, appendText)
	case []bool:
		return appendList(kind(typeArray), v, typeBool, appendBool)
	case []uint64:
		return appendNumbers(kind(typeArray), v)
	case []int64:
		return appendNumbers(kind(typeArray), v)
	case []float64:
		return appendNumbers(kind(typeArray), v)
	case []any:
		return appendList(kind(typeArray), v, typeArray, func(dst []byte, e any) []byte { return append(dst, appendValue(nil, e)[4:]...) })
	case string:
		return appendText(kind(typeString), v)
	case bool:
		return appendBool(kind(typeBool), v)
	case uint64, int64, float64:
		k := typeOf(v)
		return appendNumber(kind(k), k, v)
	}
	panic(fmt.Sprintf("gguf: a value of type %T cannot be written", value))
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendList[T any](dst []byte, list []T, kind uint32, one func([]byte, T) []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(list)))
	for _, v := range list {
		dst = one(dst, v)
	}
	return dst
}

// appendNumbers writes all in 32 bits if all fit.
func appendNumbers[T uint64 | int64 | float64](dst []byte, list []T) []byte {
	var zero T
	kind := typeOf(zero)
	for _, v := range list {
		kind = max(kind, typeOf(v)) // the wider type of each sort has the higher number
	}
	return appendList(dst, list, kind, func(dst []byte, v T) []byte { return appendNumber(dst, kind, v) })
}

// typeOf is the least type of 32 or 64 bits that holds a number.
func typeOf(value any) uint32 {
	switch v := value.(type) {
	case uint64:
		if v > math.MaxUint32 {
			return typeU64
		}
		return typeU32
	case int64:
		if v != int64(int32(v)) {
			return typeI64
		}
		return typeI32
	case float64:
		if v != float64(float32(v)) && !math.IsNaN(v) {
			return typeF64
		}
	}
	return typeF32
}

func appendNumber(dst []byte, kind uint32, value any) []byte {
	var bits uint64
	switch v := value.(type) {
	case uint64:
		bits = v
	case int64:
		bits = uint64(v)
	case float64:
		bits = math.Float64bits(v)
		if kind == typeF32 {
			bits = uint64(math.Float32bits(float32(v)))
		}
	}
	if sizes[kind] == 8 {
		return binary.LittleEndian.AppendUint64(dst, bits)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(bits))
}
