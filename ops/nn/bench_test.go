package nn

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os/exec"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor"
)

// smol is the shape of SmolLM2-135M.
const smol = `{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,"num_hidden_layers":30,"num_attention_heads":9,
"num_key_value_heads":3,"max_position_embeddings":8192,"rms_norm_eps":1e-5,"rope_theta":100000,"tie_word_embeddings":true}`

// smolSource makes random bfloat16 weights of that shape.
func smolSource() *memory {
	m := &memory{data: map[string][]byte{}, mapped: true}
	add := func(name string, shape ...int) {
		n, scale := 1, float32(0.06)
		for _, d := range shape {
			n *= d
		}
		x := draws(name, n)
		for i := range x {
			x[i] *= scale
			if len(shape) == 1 {
				x[i]++
			}
		}
		m.add(name+".weight", shape, tensor.BF16, x)
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
	return m
}

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
	c := m.NewCache(0)
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
	m, err := Open(smolSource(), []byte(smol), Options{Resident: true})
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

// torchScript scores windows with transformers on request: a line names the
// element type and the length; the answer is the seconds of 8 windows, of which
// it measures as many as fit in the given number.
const torchScript = `
import sys, json, time, torch, transformers
from transformers import AutoConfig, AutoModelForCausalLM
transformers.logging.set_verbosity_error()
cfg = AutoConfig.for_model(**json.loads(sys.argv[1]))
models = {}
for line in sys.stdin:
    dtype, length, windows = line.split()
    if dtype not in models:
        models[dtype] = AutoModelForCausalLM.from_config(cfg, dtype=getattr(torch, dtype)).eval()
    m, n = models[dtype], int(length)
    with torch.no_grad():
        start = time.perf_counter()
        for w in range(int(windows)):
            x = torch.randint(0, cfg.vocab_size, (1, n))
            z = m(x).logits[0, :-1].float()
            torch.nn.functional.cross_entropy(z, x[0, 1:])
        print(8 / int(windows) * (time.perf_counter() - start), flush=True)
`

// BenchmarkForward prints tokens a second of a perplexity over 8 windows beside
// those of transformers with torch on the same cores, measured in turn: the best
// of three rounds. Both have weights in bfloat16; torch computes once in float32,
// as roux does, and once in bfloat16.
func BenchmarkForward(b *testing.B) {
	m := openSmol(b)
	torch := startTorch(b)
	if torch == nil {
		fmt.Println("torch: skipped, as python3 has no torch and transformers")
	}
	fmt.Printf("%-12s %12s %16s %8s %16s %8s\n", "8 windows of", "roux tok/s", "torch float32", "ratio", "torch bfloat16", "ratio")
	for _, length := range []int{512, 2048} {
		batch := windows(8, length, 49152)
		ours, f32, bf16 := math.Inf(1), math.Inf(1), math.Inf(1)
		for range 3 {
			start := time.Now()
			score(b, m, batch)
			ours = min(ours, time.Since(start).Seconds())
			if torch != nil {
				few := max(1, 2048/length)
				f32 = min(f32, torch.seconds(b, "float32", length, few))
				bf16 = min(bf16, torch.seconds(b, "bfloat16", length, few))
			}
		}
		n := float64(8 * length)
		fmt.Printf("%-12d %12.0f %16.0f %8.2f %16.0f %8.2f\n", length, n/ours, n/f32, f32/ours, n/bf16, bf16/ours)
	}
}

type torchProcess struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startTorch returns nil when torch or transformers is absent.
func startTorch(b *testing.B) *torchProcess {
	if exec.Command("python3", "-c", "import torch, transformers").Run() != nil {
		return nil
	}
	cmd := exec.Command("python3", "-c", torchScript, smol)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &torchProcess{in, bufio.NewReader(out)}
}

func (p *torchProcess) seconds(b *testing.B, dtype string, length, count int) (s float64) {
	if _, err := fmt.Fprintln(p.in, dtype, length, count); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Fscan(p.out, &s); err != nil {
		b.Fatal(err)
	}
	return s
}
