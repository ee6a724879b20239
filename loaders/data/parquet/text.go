package parquet

import (
	"encoding/binary"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Bounds of decimals: the longest of Arrow have 256 bits and 76 digits.
const (
	maxScale   = 80
	maxDecimal = 32
)

// decimalOf writes a scaled integer in digits.
func decimalOf(unscaled int64, scale int) json.Number {
	return pointed(strconv.FormatInt(unscaled, 10), scale)
}

// bigDecimal is decimalOf of a big-endian number in two's complement.
func bigDecimal(text string, scale int) json.Number {
	n := new(big.Int).SetBytes([]byte(text))
	if text != "" && text[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(text))))
	}
	return pointed(n.String(), scale)
}

// pointed sets the decimal point into an integer.
func pointed(digits string, scale int) json.Number {
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if scale == 0 {
		return json.Number(sign + digits)
	}
	if short := scale + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	point := len(digits) - scale
	return json.Number(sign + digits[:point] + "." + digits[point:])
}

// Dates and times are written as Python's str writes them, which is what a
// template of lm-evaluation-harness shows: 2020-01-31 23:59:00.500000+00:00.

func dateText(days int64) string {
	return time.Unix(days*86400, 0).UTC().Format(time.DateOnly)
}

// units are the nanoseconds of a unit.
var units = [...]int64{1: 1e6, 2: 1e3, 3: 1}

// instant is the time so many units after 1970.
func instant(n int64, unit int16) time.Time {
	second := int64(time.Second) / units[unit]
	return time.Unix(floorDiv(n, second), (n-floorDiv(n, second)*second)*units[unit]).UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func timeText(n int64, unit int16) string { return clock(instant(n, unit), time.TimeOnly) }

func timestampText(n int64, unit int16, utc bool) string {
	text := clock(instant(n, unit), time.DateTime)
	if utc {
		text += "+00:00"
	}
	return text
}

// clock writes a time with a fraction of six digits, or of nine where they are
// needed, if it has one.
func clock(t time.Time, layout string) string {
	switch n := t.Nanosecond(); {
	case n == 0:
		return t.Format(layout)
	case n%1000 == 0:
		return t.Format(layout + ".000000")
	}
	return t.Format(layout + ".000000000")
}

// int96Text reads the timestamps of Impala and old Spark: nanoseconds of the
// day, then the Julian day.
func int96Text(text string) string {
	const unixDay = 2440588
	nanos := int64(binary.LittleEndian.Uint64([]byte(text[:8])))
	day := int64(binary.LittleEndian.Uint32([]byte(text[8:12]))) - unixDay
	second := floorDiv(nanos, 1e9)
	return clock(time.Unix(day*86400+second, nanos-second*1e9).UTC(), time.DateTime)
}
