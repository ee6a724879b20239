package nn

import (
	"math"
	"strconv"
	"testing"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// The goldens notice every mistake that is made in practice: with one of these
// changes the logits are off by far more than the tolerance.
func TestControls(t *testing.T) {
	all := goldens(t)
	layers := func(change func(l *layer)) func(m *Model) {
		return func(m *Model) {
			for i := range m.arch.layers {
				change(&m.arch.layers[i])
			}
		}
	}
	for _, c := range []struct {
		golden, mistake string
		make            func(m *Model)
	}{
		{"gemma", "no offset of the gains", func(m *Model) { m.arch.form.Norm.Offset = 0 }},
		{"gemma", "no scale of the embedding", func(m *Model) { m.arch.embedScale = 1 }},
		{"mistral", "window off by one", layers(func(l *layer) { l.window++ })},
		{"gemma2", "no cap of scores", func(m *Model) { m.arch.softcap = 0 }},
		{"gemma2", "no cap of logits", func(m *Model) { m.arch.headCap = 0 }},
		{"gemma2", "scale by the head's size", layers(func(l *layer) { l.scale = 0.25 })},
		{"gemma2", "the other layers slide", func(m *Model) { m.arch.layers[0].window, m.arch.layers[1].window = 0, 8 }},
		{"gemma3", "one rotation for all layers", func(m *Model) { m.arch.layers[0].rope = m.arch.layers[2].rope }},
		{"granite", "no factor of branches", func(m *Model) { m.arch.residual = 1 }},
		{"granite", "no divisor of logits", func(m *Model) { m.arch.headScale = 1 }},
		{"granite", "no factor of the embedding", func(m *Model) { m.arch.embedScale = 1 }},
		{"llama", "another eps", func(m *Model) { m.arch.eps = 1e-2 }},
		{"llama", "gate and up swapped", func(m *Model) { f := &m.arch.form.FFN; f.Gate, f.Up = f.Up, f.Gate }},
		{"llama", "no rotation", layers(func(l *layer) { l.rope = nil })},
		{"llama3", "no scaling of the rotation", layers(func(l *layer) { l.rope.kind = "default" })},
		{"llama-yarn", "no factor of cosines", layers(func(l *layer) { l.rope.attention = 1 })},
		{"phi3-longrope", "short factors for long texts", layers(func(l *layer) { l.rope.longFactor = l.rope.shortFactor })},
		{"smollm3", "rotation everywhere", layers(func(l *layer) {
			if l.rope == nil {
				l.rope = &rope{scaling: scaling{kind: "default", factor: 1}, dims: 8, theta: 2e6}
			}
		})},
		{"qwen3", "no norm of queries and keys", func(m *Model) { m.arch.qkNorm = false }},
		{"olmo2", "no norm of queries and keys", func(m *Model) { m.arch.qkNorm = false }},
		{"stablelm-parallel", "one branch after the other", func(m *Model) { m.arch.parallel, m.arch.form.FFN.Norm = false, m.arch.form.Attention.Norm }},
		{"gpt2", "scores not divided by layer", layers(func(l *layer) { l.scale = float32(1 / math.Sqrt(8)) })},
		{"gpt_neox", "queries, keys and values not by head", func(m *Model) { m.arch.form.Attention.QKVByHead = false }},
		{"opt", "positions without offset", func(m *Model) { m.arch.form.Embed.Offset = 0 }},
		{"opt-post", "norm before the branch", func(m *Model) { m.arch.pre = true }},
		{"qwen3_moe", "weights of experts as they are", func(m *Model) { m.arch.renormalize = false }},
		{"qwen3_moe-plain", "weights of experts renormalised", func(m *Model) { m.arch.renormalize = true }},
		{"mixtral", "another expert", func(m *Model) { m.arch.Active = 3 }},
	} {
		g := all[c.golden]
		m := open(t, g, tensor.F32, Options{})
		c.make(m)
		if off := distance(t, m, g); off < 20e-4 {
			t.Errorf("%s: %s is off by %.2g standard deviations only", c.golden, c.mistake, off)
		}
	}
}

// distance is the greatest difference from a golden's logits, in their standard
// deviations.
func distance(t *testing.T, m *Model, g golden) (most float64) {
	t.Helper()
	st, err := m.Run(t.Context(), g.batch(), Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	z := make([]float32, m.Arch().Vocab)
	for i, a := range g.Answers {
		for at, want := range a.Logits {
			p, _ := strconv.Atoi(at)
			if err := st.Logits(z, i, p); err != nil {
				t.Fatal(err)
			}
			for j := range z {
				most = max(most, math.Abs(float64(z[j])-want[j])/a.Std)
			}
		}
	}
	return most
}

// How near the goldens really are, on every level of the CPU: the tolerance
// leaves room of less than an order.
func TestGoldenDistance(t *testing.T) {
	for _, level := range cpu.Levels() {
		restore := cpu.Force(level)
		for name, g := range goldens(t) {
			if g.Answers[0].Std == 0 {
				continue
			}
			if off := distance(t, open(t, g, tensor.F32, Options{}), g); off > 2e-5 {
				t.Errorf("%s on %s: off by %.2g standard deviations", name, level, off)
			}
		}
		restore()
	}
}
