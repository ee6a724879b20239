package calib_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
)

// smol is the shape of SmolLM2-135M.
const smol = `{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,"num_hidden_layers":30,"num_attention_heads":9,
"num_key_value_heads":3,"max_position_embeddings":8192,"rms_norm_eps":1e-5,"rope_theta":100000,"tie_word_embeddings":true}`

// mapped is weights in bfloat16 that lie in memory.
type mapped struct {
	infos []tensor.Info
	data  map[string][]byte
}

func (m *mapped) Infos() []tensor.Info { return m.infos }
func (m *mapped) Tensor(name string) (tensor.Tensor, bool) {
	for _, info := range m.infos {
		if info.Name == name {
			return inMemory{info, m.data[name]}, true
		}
	}
	return nil, false
}

type inMemory struct {
	info tensor.Info
	b    []byte
}

func (t inMemory) Info() tensor.Info                       { return t.info }
func (t inMemory) Bytes() []byte                           { return t.b }
func (t inMemory) ReadAt(p []byte, off int64) (int, error) { return copy(p, t.b[off:]), nil }

func smolModel() ops.Subject {
	r := rand.New(rand.NewPCG(1, 1))
	m := &mapped{data: map[string][]byte{}}
	add := func(name string, shape ...int) {
		info := tensor.Info{Name: name + ".weight", DType: tensor.BF16, Shape: shape}
		b := make([]byte, info.Bytes())
		for i := 0; i < len(b); i += 2 {
			v := float32(r.NormFloat64()) * 0.04
			if len(shape) == 1 {
				v++
			}
			h := math.Float32bits(v) >> 16
			b[i], b[i+1] = byte(h), byte(h>>8)
		}
		m.infos, m.data[info.Name] = append(m.infos, info), b
	}
	add("model.embed_tokens", 49152, 576)
	add("model.norm", 576)
	for i := range 30 {
		p := fmt.Sprintf("model.layers.%d.", i)
		add(p+"input_layernorm", 576)
		add(p+"post_attention_layernorm", 576)
		add(p+"self_attn.q_proj", 576, 576)
		add(p+"self_attn.k_proj", 192, 576)
		add(p+"self_attn.v_proj", 192, 576)
		add(p+"self_attn.o_proj", 576, 576)
		add(p+"mlp.gate_proj", 1536, 576)
		add(p+"mlp.up_proj", 1536, 576)
		add(p+"mlp.down_proj", 576, 1536)
	}
	ids := make([]int32, 8*2048)
	for i := range ids {
		ids[i] = int32(r.IntN(49152))
	}
	return subject(ops.NewHeader("smol", m.infos, &tensor.Model{Config: []byte(smol)}), m,
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
