package ops

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
)

// TestDataBytes holds what data says that it takes to what Go gave for it.
func TestDataBytes(t *testing.T) {
	words := func(i, n int) string { return strings.Repeat(fmt.Sprint(i%10), n) }
	for name, read := range map[string]func(*Data, int){
		"texts": func(d *Data, i int) { d.Texts = append(d.Texts, words(i, 300)) },
		"rows": func(d *Data, i int) {
			d.Rows = append(d.Rows, map[string]string{"a": words(i, 100), "b": words(i, 50), "c": words(i, 9), "d": words(i, 70)})
		},
		"items": func(d *Data, i int) {
			d.Items = append(d.Items, Item{Context: words(i, 400), Choices: []string{words(i, 30), words(i, 50), words(i, 40), words(i, 20)}})
		},
	} {
		var d Data
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range 20_000 {
			read(&d, i)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		got, took := float64(d.Bytes()), float64(after.HeapAlloc-before.HeapAlloc)
		if math.Abs(got/took-1) > 0.35 {
			t.Errorf("%s take %.1f MB and say %.1f", name, took/1e6, got/1e6)
		}
	}
}
