package parquet

import (
	"fmt"
	"math"
)

// logical is what a column's values mean.
type logical struct {
	annotation int16 // the member of LogicalType that is set, 0 for none
	converted  int32 // the older way to say it, -1 for none
	scale      int32
	unit       int16 // of time: 1 ms, 2 µs, 3 ns
	utc        bool
	signed     bool
}

// Members of LogicalType.
const (
	annotatedMap       = 2
	annotatedList      = 3
	annotatedDecimal   = 5
	annotatedDate      = 6
	annotatedTime      = 7
	annotatedTimestamp = 8
	annotatedInteger   = 10
	annotatedUUID      = 14
	annotatedFloat16   = 15
)

// Values of ConvertedType.
const (
	convertedMap         = 1
	convertedMapKeyValue = 2
	convertedList        = 3
	convertedDecimal     = 5
	convertedDate        = 6
	convertedTimeMillis  = 7
	convertedTimeMicros  = 8
	convertedMillis      = 9
	convertedMicros      = 10
	convertedUint8       = 11
	convertedUint64      = 14
)

// read reads the union LogicalType.
func (l *logical) read(t *thrift) {
	t.record(func(id int16) {
		l.annotation = id
		switch id {
		case annotatedDecimal:
			t.record(func(id int16) {
				if id == 1 {
					l.scale = t.int32()
				}
			})
		case annotatedTime, annotatedTimestamp:
			t.record(func(id int16) {
				switch id {
				case 1:
					l.utc = t.bool()
				case 2:
					t.record(func(id int16) { l.unit = id })
				}
			})
		case annotatedInteger:
			t.record(func(id int16) {
				if id == 2 {
					l.signed = t.bool()
				}
			})
		}
	})
}

func (l *logical) isList() bool {
	return l.annotation == annotatedList || l.annotation == 0 && l.converted == convertedList
}

func (l *logical) isMap() bool {
	return l.annotation == annotatedMap || l.annotation == 0 && (l.converted == convertedMap || l.converted == convertedMapKeyValue)
}

// modern says an older annotation the newer way.
func (l logical) modern() logical {
	if l.annotation != 0 {
		return l
	}
	switch c := l.converted; {
	case c == convertedDecimal:
		l.annotation = annotatedDecimal
	case c == convertedDate:
		l.annotation = annotatedDate
	case c == convertedTimeMillis || c == convertedTimeMicros:
		l.annotation, l.unit = annotatedTime, int16(c-convertedTimeMillis)+1
	case c == convertedMillis || c == convertedMicros:
		l.annotation, l.unit, l.utc = annotatedTimestamp, int16(c-convertedMillis)+1, true
	case c >= convertedUint8 && c <= convertedUint64:
		l.annotation, l.signed = annotatedInteger, false
	}
	return l
}

// value is one value as it is stored: numbers in their bits, signed ones
// extended to 64, and what has bytes as those.
type value struct {
	word uint64
	text string
}

// boxing makes a row's value of a stored one.
type boxing struct {
	of   func(value) any
	cost int64 // of memory, beyond 16 bytes and the text
	most int   // bytes of a text, 0 for any
}

// boxing gives a column's boxing. An annotation that does not fit the type is
// passed over.
func (e *element) boxing() (boxing, error) {
	l := e.logical.modern()
	if l.annotation == annotatedDecimal && (l.scale < 0 || l.scale > maxScale) {
		return boxing{}, fmt.Errorf("its decimals have %d digits behind the point, and may have %d", l.scale, maxScale)
	}
	switch e.physical {
	case int32s, int64s:
		return e.boxingInt(l), nil
	case byteArrays, fixedArrays:
		return e.boxingBytes(l), nil
	case boolean:
		return boxing{of: func(v value) any { return v.word != 0 }}, nil
	case floats:
		return boxing{of: func(v value) any { return math.Float32frombits(uint32(v.word)) }}, nil
	case doubles:
		return boxing{of: func(v value) any { return math.Float64frombits(v.word) }}, nil
	}
	return boxing{of: func(v value) any { return int96Text(v.text) }, cost: 32}, nil
}

func (e *element) boxingInt(l logical) boxing {
	narrow := e.physical == int32s
	switch {
	case l.annotation == annotatedDecimal:
		return boxing{of: func(v value) any { return decimalOf(int64(v.word), int(l.scale)) }, cost: 2 * maxScale}
	case l.annotation == annotatedDate && narrow:
		return boxing{of: func(v value) any { return dateText(int64(v.word)) }, cost: 32}
	case l.annotation == annotatedTime && l.hasUnit():
		return boxing{of: func(v value) any { return timeText(int64(v.word), l.unit) }, cost: 32}
	case l.annotation == annotatedTimestamp && l.hasUnit():
		return boxing{of: func(v value) any { return timestampText(int64(v.word), l.unit, l.utc) }, cost: 48}
	case l.annotation == annotatedInteger && !l.signed && narrow:
		return boxing{of: func(v value) any { return uint64(uint32(v.word)) }}
	case l.annotation == annotatedInteger && !l.signed:
		return boxing{of: func(v value) any { return v.word }}
	}
	return boxing{of: func(v value) any { return int64(v.word) }}
}

func (e *element) boxingBytes(l logical) boxing {
	fixed := e.physical == fixedArrays
	switch {
	case l.annotation == annotatedDecimal:
		return boxing{of: func(v value) any { return bigDecimal(v.text, int(l.scale)) }, cost: 3 * maxScale, most: maxDecimal}
	case l.annotation == annotatedUUID && fixed && e.length == 16:
		return boxing{of: func(v value) any { return uuidText(v.text) }, cost: 48}
	case l.annotation == annotatedFloat16 && fixed && e.length == 2:
		return boxing{of: func(v value) any { return float16(v.text) }}
	case fixed:
		return boxing{of: func(v value) any { return []byte(v.text) }, cost: int64(e.length) + 32}
	}
	return boxing{of: func(v value) any { return v.text }}
}

func (l *logical) hasUnit() bool { return l.unit >= 1 && l.unit <= 3 }

// float16 widens a half.
func float16(s string) float32 {
	h := uint32(s[0]) | uint32(s[1])<<8
	sign, exponent, fraction := h>>15<<31, h>>10&31, h&1023
	switch exponent {
	case 0:
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

func uuidText(s string) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:])
}
