package nn

import (
	"fmt"
	"testing"

	"github.com/rouxml/roux/ops/opstest"
)

// windows makes n random windows.
func windows(n, length, vocab int) (batch [][]int32) {
	for i := range n {
		w := make([]int32, length)
		for j, v := range draws(fmt.Sprint("window", i), 2*length)[:length] {
			w[j] = int32(int(16*(v+1))*1531+97*i+j) % int32(vocab)
		}
		batch = append(batch, w)
	}
	return batch
}

// BenchmarkScore is one perplexity over 8 windows.
func BenchmarkScore(b *testing.B) {
	m := openSmol(b)
	for _, length := range []int{512, 2048} {
		batch := windows(8, length, 49152)
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for b.Loop() {
				score(b, m, batch)
			}
			b.ReportMetric(float64(b.N*8*length)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}

// BenchmarkDecode is one token behind 64.
func BenchmarkDecode(b *testing.B) {
	m := openSmol(b)
	c := m.NewCache()
	if _, err := c.Next(b.Context(), windows(1, 64, 49152)[0]); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Next(b.Context(), []int32{7}); err != nil {
			b.Fatal(err)
		}
		c.truncate(64)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
}

func openSmol(b *testing.B) *Model {
	m, err := Open(opstest.Smol(), []byte(opstest.SmolConfig), Options{Resident: true})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func score(b *testing.B, m *Model, batch [][]int32) {
	if _, err := m.Score(b.Context(), batch, nil); err != nil {
		b.Fatal(err)
	}
}
