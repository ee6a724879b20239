package calib_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

// smolModel is a model of the shape of SmolLM2-135M, with random tokens.
func smolModel() ops.Subject {
	r := rand.New(rand.NewPCG(1, 1))
	ids := make([]int32, 8*2048)
	for i := range ids {
		ids[i] = int32(r.IntN(49152))
	}
	w := opstest.Smol()
	return subject(ops.NewHeader("smol", w.Infos(), &tensor.Model{Config: []byte(opstest.SmolConfig)}), w,
		func() (ops.Tokenizer, error) { return cutTokens{nil, ids}, nil })
}

// costs is how many times the plain forward pass statistics with Gram matrices
// may take.
const costs = 1.6

// BenchmarkForwardCalibration prints tokens a second of a forward pass over 4096
// tokens, without logits, beside the same with statistics: the best of three
// rounds, in turn. It fails where Gram matrices cost more than they may.
func BenchmarkForwardCalibration(b *testing.B) {
	m := smolModel()
	linears, err := calib.Linears(m.Header)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("%-12s %12s %12s %8s %12s %8s\n", "windows of", "plain tok/s", "sums tok/s", "cost", "Gram tok/s", "cost")
	for _, length := range []int{512, 2048} {
		data := &ops.Data{Texts: []string{"-"}, Length: length, Samples: 4096 / length}
		best := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
		for range 3 {
			for i, need := range []ops.Need{0, ops.Channels, ops.Channels | ops.Gram} {
				start := time.Now()
				if need == 0 {
					plain(b, m, data)
				} else {
					statistics(b, m, data, linears, need)
				}
				best[i] = min(best[i], time.Since(start).Seconds())
			}
		}
		n := float64(data.Samples * length)
		fmt.Printf("%-12d %12.0f %12.0f %8.2f %12.0f %8.2f\n", length, n/best[0], n/best[1], best[1]/best[0], n/best[2], best[2]/best[0])
		if best[2]/best[0] > costs {
			b.Errorf("windows of %d: Gram matrices cost %.2f, and the limit is %.1f", length, best[2]/best[0], costs)
		}
	}
}

func plain(b *testing.B, s ops.Subject, d *ops.Data) {
	m, err := nn.Open(s.Weights, s.Config, nn.Options{})
	if err != nil {
		b.Fatal(err)
	}
	k, _ := s.Tokenizer()
	ids, _, _ := k.Encode("", ops.Encoding{})
	var batch [][]int32
	for i := range d.Samples {
		batch = append(batch, ids[i*d.Length:(i+1)*d.Length])
	}
	st, err := m.Run(b.Context(), batch, nn.Hooks{})
	if err != nil {
		b.Fatal(err)
	}
	st.Close()
}

func statistics(b *testing.B, s ops.Subject, d *ops.Data, linears []calib.Linear, need ops.Need) {
	j := calib.Job{Model: s, Data: d, Memory: 4 << 30, Linears: linears, Layer: func(int, []calib.Gathered) error { return nil }}
	for range linears {
		j.Want = append(j.Want, need)
	}
	if _, err := calib.Run(b.Context(), j); err != nil {
		b.Fatal(err)
	}
}
