package evaluate

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// spoiled is weights of which one row is filled with a value, and a head that is
// the embedding once more.
type spoiled struct {
	tensor.Source
	name  string
	row   int
	value float32
}

const headName = "lm_head.weight"

func (s spoiled) Infos() []tensor.Info {
	infos := s.Source.Infos()
	head := infos[0]
	head.Name = headName
	return append(infos[:len(infos):len(infos)], head)
}

func (s spoiled) Tensor(name string) (tensor.Tensor, bool) {
	from := name
	if name == headName {
		from = s.Source.Infos()[0].Name
	}
	t, ok := s.Source.Tensor(from)
	if !ok {
		return nil, false
	}
	info := t.Info()
	b := make([]byte, info.Bytes())
	if _, err := t.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	if name == s.name {
		row := b[s.row*info.RowBytes():][:info.RowBytes()]
		for i := 0; i < len(row); i += 4 {
			binary.LittleEndian.PutUint32(row[i:], math.Float32bits(s.value))
		}
	}
	info.Name = name
	return inBytes{info, b}, true
}

type inBytes struct {
	info tensor.Info
	b    []byte
}

func (t inBytes) Info() tensor.Info { return t.info }
func (t inBytes) ReadAt(p []byte, off int64) (int, error) {
	return strings.NewReader(string(t.b)).ReadAt(p, off)
}

// scorers are the runs of all ops that look at predictions or hidden states.
var scorers = map[string]struct {
	models int
	head   bool // whether it looks at logits
	run    func(ctx context.Context, x *ops.Trial) (ops.Result, error)
}{
	"perplexity": {1, true, func(ctx context.Context, x *ops.Trial) (ops.Result, error) {
		return runPerplexity(ctx, &perplexity{Protocol: "begin"}, x)
	}},
	"kl": {2, true, func(ctx context.Context, x *ops.Trial) (ops.Result, error) {
		return runKL(ctx, &divergence{Reference: schema.Ref{Name: "m0"}, Protocol: "begin"}, x)
	}},
	"choice":        {1, true, func(ctx context.Context, x *ops.Trial) (ops.Result, error) { return runChoice(ctx, &choice{}, x) }},
	"probabilities": {2, true, combines("probabilities")},
	"logits":        {2, true, combines("logits")},
	"entropy":       {2, true, combines("entropy")},
	"fitted":        {2, true, combines("fitted")},
	"gated":         {2, true, combines("gated")},
	"dynamic":       {3, true, combines("dynamic")},
	"hidden": {2, false, func(ctx context.Context, x *ops.Trial) (ops.Result, error) {
		return runHidden(ctx, &hidden{Protocol: "begin"}, x)
	}},
	"embed": {1, false, func(ctx context.Context, x *ops.Trial) (ops.Result, error) {
		return runEmbed(ctx, &embed{First: "a", Second: "b", Pooling: "mean"}, x)
	}},
}

func combines(how string) func(context.Context, *ops.Trial) (ops.Result, error) {
	return func(ctx context.Context, x *ops.Trial) (ops.Result, error) {
		p := &combine{How: how, Over: "token", Protocol: "begin", Models: []weighted{{Model: schema.Ref{Name: "m0"}, Weight: 1}, {Model: schema.Ref{Name: "m1"}, Weight: 1}}}
		switch how {
		case "fitted", "gated":
			p.Fit = schema.DataRef{Name: "held"}
			x.Data = append(x.Data, x.Data[0])
		case "dynamic":
			p.Base = schema.Ref{Name: "m2"}
		}
		return runCombine(ctx, p, x)
	}
}

// TestDamagedWeights: what is NaN or infinite, in a layer, behind the last or in
// a logit, is an error that says where it begins; no metric of any op is NaN.
func TestDamagedWeights(t *testing.T) {
	inf32, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		tensor string
		row    int
		value  float32
		says   string // "": what an op makes of it is up to it
	}{
		{"model.layers.1.mlp.down_proj.weight", 3, nan, "layer 1 is the first with"},
		{"model.layers.0.mlp.down_proj.weight", 3, inf32, "layer 0 is the first with"},
		{headName, 101, nan, "the head is the first with"},
		{headName, 101, inf32, "the head is the first with"},
		{headName, 101, 3e38, ""},
		{headName, 101, -3e38, ""},
		{"model.norm.weight", 0, nan, "is the first with"},
	} {
		for name, s := range scorers {
			x := &ops.Trial{Data: []*ops.Data{{Name: "held", Texts: []string{strings.Repeat("what is said ", 12)}, Length: 24,
				Rows: []map[string]string{{"a": "one", "b": "two"}}, Items: []ops.Item{{Context: "who ", Choices: []string{"she", "he"}}}}}, Workers: 2, Memory: 1 << 28}
			for i := range s.models {
				m := opstest.Scene{}.Subject(i)
				m.Config = []byte(strings.Replace(string(m.Config), `"tie_word_embeddings": true`, `"tie_word_embeddings": false`, 1))
				w := spoiled{Source: m.Weights}
				if i == s.models-1 {
					w.name, w.row, w.value = c.tensor, c.row, c.value
				}
				m.Weights = w
				m.Infos = w.Infos()
				x.Models = append(x.Models, m)
			}
			r, err := s.run(t.Context(), x)
			seen := s.head || c.tensor != headName && (c.tensor != "model.norm.weight" || name == "embed")
			switch {
			case err != nil && !seen:
				t.Errorf("%s with %v in %s: %v", name, c.value, c.tensor, err)
			case c.says != "" && seen && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%s with %v in %s: %v, want %q", name, c.value, c.tensor, err, c.says)
			case err != nil && !strings.Contains(err.Error(), "model"):
				t.Errorf("%s: no model is named: %v", name, err)
			}
			for metric, v := range r.Values {
				if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
					t.Errorf("%s with %v in %s: %s is %v", name, c.value, c.tensor, metric, v)
				}
			}
		}
	}
}
