package calib_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
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

// rounds is how many times each way is measured, in turn.
const rounds = 5

// BenchmarkForwardCalibration prints tokens a second of a forward pass over 4096
// tokens, without logits, beside the same with statistics: medians of rounds in
// which all three ways take turns. What statistics cost is the median of the
// rounds' ratios, as what disturbs a round disturbs both sides of it. It fails
// where Gram matrices cost more than they may.
func BenchmarkForwardCalibration(b *testing.B) {
	m := smolModel()
	linears, err := calib.Linears(m.Header)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("%-12s %12s %12s %8s %12s %8s\n", "windows of", "plain tok/s", "sums tok/s", "cost", "Gram tok/s", "cost")
	for _, length := range []int{512, 2048} {
		data := &ops.Data{Texts: []string{"-"}, Length: length, Samples: 4096 / length}
		var took, ratio [3][]float64
		for range rounds {
			for i, need := range []ops.Need{0, ops.Channels, ops.Channels | ops.Gram} {
				s := measured(b, m, data, linears, need)
				took[i] = append(took[i], s)
				ratio[i] = append(ratio[i], s/took[0][len(took[0])-1])
			}
		}
		rate := func(i int) float64 { return float64(data.Samples*length) / median(took[i]) }
		fmt.Printf("%-12d %12.0f %12.0f %8.2f %12.0f %8.2f\n", length, rate(0), rate(1), median(ratio[1]), rate(2), median(ratio[2]))
		if cost := median(ratio[2]); cost > costs {
			b.Errorf("windows of %d: Gram matrices cost %.2f, and the limit is %.1f", length, cost, costs)
		}
	}
}

// measured is the seconds of a pass, with no garbage of the pass before.
func measured(b *testing.B, m ops.Subject, data *ops.Data, linears []calib.Linear, need ops.Need) float64 {
	runtime.GC()
	start := time.Now()
	if need == 0 {
		plain(b, m, data)
	} else {
		statistics(b, m, data, linears, need)
	}
	return time.Since(start).Seconds()
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
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
