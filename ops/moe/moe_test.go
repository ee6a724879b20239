package moe

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// dense is a model of two layers with whole MLPs; width and hidden are its
// sizes.
func dense(seed uint64, width, hidden int) opstest.Model {
	r := rand.New(rand.NewPCG(seed, 3))
	var m opstest.Model
	add := func(name string, shape ...int) {
		info := tensor.Info{Name: name + ".weight", DType: tensor.F32, Shape: shape}
		data := make([]float32, info.Shape.Numel())
		for i := range data {
			data[i] = float32(r.NormFloat64())
		}
		m = append(m, opstest.Matrix{Info: info, Data: data})
	}
	add("embed", 16, hidden)
	for _, layer := range []string{"layer.0", "layer.1"} {
		add(layer+".attn.q", 4, hidden)
		add(layer+".mlp.gate", width, hidden)
		add(layer+".mlp.up", width, hidden)
		add(layer+".mlp.down", hidden, width)
	}
	return m
}

func opOf(t *testing.T, name string) *ops.Op {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, ok := reg.Op(name)
	if !ok {
		t.Fatalf("no op %s", name)
	}
	return op
}

func apply(t *testing.T, name, params string, seed uint64, models ...opstest.Model) (opstest.Model, error) {
	t.Helper()
	op := opOf(t, name)
	return opstest.Apply(op, opstest.Decode(t, op, params), seed, opstest.Order{}, models...)
}

// moments returns mean and variance, with the standard deviations that they
// have over n draws of the given variance and fourth moment.
func moments(t *testing.T, what string, x []float32, mean, variance, fourth float64) {
	t.Helper()
	n := float64(len(x))
	var m, v float64
	for _, f := range x {
		m += float64(f) / n
	}
	for _, f := range x {
		v += (float64(f) - mean) * (float64(f) - mean) / n
	}
	if off := math.Abs(m-mean) / math.Sqrt(variance/n); off > 4 {
		t.Errorf("%s: mean %v, %.1f standard deviations from %v", what, m, off, mean)
	}
	if off := math.Abs(v-variance) / math.Sqrt((fourth-variance*variance)/n); off > 4 {
		t.Errorf("%s: variance %v, %.1f standard deviations from %v", what, v, off, variance)
	}
}

// TestRandomRouters: routers follow their laws, and differ between layers and
// seeds.
func TestRandomRouters(t *testing.T) {
	const hidden = 20000
	m := dense(1, 2, hidden)
	out, err := apply(t, "moe.from_dense", "{base: a, experts: [b, c], family: mixtral, gate_mode: random}", 1, m, m, m)
	if err != nil {
		t.Fatal(err)
	}
	first, second := out.Find("layer.0.block_sparse_moe.gate.weight"), out.Find("layer.1.block_sparse_moe.gate.weight")
	if len(first) != 2*hidden || slices.Equal(first, second) {
		t.Fatalf("%d draws, the same in both layers: %v", len(first), slices.Equal(first, second))
	}
	moments(t, "random", first, 0, 1, 3)
	out, err = apply(t, "moe.from_dense", "{base: a, experts: [b, c], shared_experts: [a], family: qwen2_moe, gate_mode: uniform_random}", 1, m, m, m, m)
	if err != nil {
		t.Fatal(err)
	}
	bound := math.Sqrt(1.0 / hidden)
	x := out.Find("layer.0.mlp.gate.weight")
	moments(t, "uniform_random", x, 0, bound*bound/3, math.Pow(bound, 4)/5)
	if top := slices.Max(x); float64(top) > bound || float64(top) < 0.999*bound {
		t.Errorf("largest draw %v of at most %v", top, bound)
	}
	if gate := out.Find("layer.1.mlp.shared_expert_gate.weight"); len(gate) != hidden || slices.Equal(gate, x[:hidden]) {
		t.Error("the shared expert's gate is no draw of its own")
	}
}

// TestNoiseAndScale: noise has its standard deviation, the down projection
// alone is scaled, and an expert without either is the same bytes.
func TestNoiseAndScale(t *testing.T) {
	base, a, b := dense(1, 64, 128), dense(2, 64, 128), dense(3, 64, 128)
	out, err := apply(t, "moe.from_dense", "{base: base, experts: [{model: a, noise_scale: 0.25}, {model: b, residual_scale: 0.5}], family: mixtral, gate_mode: random}", 1, base, a, b)
	if err != nil {
		t.Fatal(err)
	}
	noise := slices.Clone(out.Find("layer.0.block_sparse_moe.experts.0.w3.weight"))
	for i, v := range a.Find("layer.0.mlp.up.weight") {
		noise[i] -= v
	}
	moments(t, "noise", noise, 0, 1.0/16, 3.0/256)
	if !slices.Equal(out.Find("layer.1.block_sparse_moe.experts.1.w1.weight"), b.Find("layer.1.mlp.gate.weight")) {
		t.Error("residual_scale changed a gate projection")
	}
	for i, v := range b.Find("layer.1.mlp.down.weight") {
		if got := out.Find("layer.1.block_sparse_moe.experts.1.w2.weight")[i]; got != v/2 {
			t.Fatalf("down projection [%d] = %v, want %v", i, got, v/2)
		}
	}
	if out.Find("layer.0.mlp.up.weight") != nil || !slices.Equal(out.Find("layer.0.attn.q.weight"), base.Find("layer.0.attn.q.weight")) {
		t.Error("the base's MLPs stay, or its attention does not")
	}
}

// TestPromptRouters: a row is the difference of the two directions, of length
// one, the same in every layer.
func TestPromptRouters(t *testing.T) {
	m := dense(1, 8, 32)
	out, err := apply(t, "moe.from_dense", "{base: a, experts: [{model: b, positive_tokens: [[1, 2], [2]], negative_tokens: [[5]]}, {model: c, positive_tokens: [[7]]}], family: mixtral, gate_mode: cheap_embed}", 1, m, m, m)
	if err != nil {
		t.Fatal(err)
	}
	embed := m.Find("embed.weight")
	sum := func(tokens ...int) []float64 {
		v := make([]float64, 32)
		for _, id := range tokens {
			for i := range v {
				v[i] += float64(embed[id*32+i])
			}
		}
		return v
	}
	length := func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += x * x
		}
		return math.Sqrt(s)
	}
	p, n, q := sum(1, 2, 2), sum(5), sum(7)
	want := make([]float64, 32)
	for i := range want {
		want[i] = p[i]/length(p) - n[i]/length(n)
	}
	l, lq := length(want), length(q)
	for _, layer := range []string{"layer.0", "layer.1"} {
		got := out.Find(layer + ".block_sparse_moe.gate.weight")
		for i := range want {
			if math.Abs(float64(got[i])-want[i]/l) > 1e-7 || math.Abs(float64(got[32+i])-q[i]/lq) > 1e-7 {
				t.Fatalf("%s [%d] = %v and %v, want %v and %v", layer, i, got[i], got[32+i], want[i]/l, q[i]/lq)
			}
		}
	}
}

// spelling is a tokenizer whose texts begin with "<".
type spelling struct {
	ops.Tokenizer
	encode func(text string) ([]int32, error)
}

func (s spelling) Encode(text string, o ops.Encoding) ([]int32, []int, error) {
	if !o.Parse || o.Add {
		return nil, nil, errors.New("prompts are read as they are written")
	}
	ids, err := s.encode(text)
	return ids, nil, err
}

func (spelling) Named(role string) (int32, bool) { return 7, role == "bos" }

func (spelling) Token(id int32) (string, bool) { return "<", id == 7 }

// TestEncode: prompts are read by the base's tokenizer, through the header
// alone, and keys cover the tokens that it gave.
func TestEncode(t *testing.T) {
	op := opOf(t, "moe.from_dense")
	params := opstest.Decode(t, op, "{base: a, experts: [{model: b, positive_prompts: [ab, c]}, {model: c, positive_prompts: [d], negative_prompts: [a]}], family: mixtral, gate_mode: cheap_embed}")
	before, err := schema.Canonical(params)
	if err != nil {
		t.Fatal(err)
	}
	in := headers(dense(1, 8, 32), dense(2, 8, 32), dense(3, 8, 32))
	if _, err := op.Plan(params, in); err == nil || !strings.Contains(err.Error(), "has no tokenizer to read prompts with: give positive_tokens in place of positive_prompts") {
		t.Errorf("got %v", err)
	}
	in[0].Tokenizer = func() (ops.Tokenizer, error) {
		return spelling{encode: func(prompt string) ([]int32, error) {
			if prompt == "<d" {
				return nil, errors.New("no such letter")
			}
			return []int32{int32(len(prompt))}, nil
		}}, nil
	}
	if _, err := op.Plan(params, in); err == nil || !strings.Contains(err.Error(), `prompt "d": no such letter`) {
		t.Errorf("got %v", err)
	}
	in[0].Tokenizer = func() (ops.Tokenizer, error) {
		return spelling{encode: func(prompt string) ([]int32, error) { return []int32{int32(len(prompt)), int32(prompt[1] - 'a')}, nil }}, nil
	}
	if _, err := op.Plan(params, in); err != nil {
		t.Fatal(err)
	}
	if p := params.(*fromDense); p.Experts[0].PositiveTokens[0][0] != 3 || p.Experts[0].PositiveTokens[1][1] != 2 || p.Experts[1].NegativeTokens[0][1] != 0 {
		t.Errorf("tokens %v", p.Experts)
	}
	after, err := schema.Canonical(params)
	if err != nil || string(before) == string(after) {
		t.Errorf("the key does not cover the tokens: %s %v", after, err)
	}
}

type testRoles struct{}

// Role knows the names of dense.
func (testRoles) Role(name string, _ tensor.Shape) tensor.Role {
	_, rest, _ := strings.Cut(name, ".")
	_, kind, inside := strings.Cut(strings.TrimSuffix(rest, ".weight"), ".")
	if !inside {
		return tensor.Role{Layer: -1, Kind: tensor.Kind(strings.TrimSuffix(name, ".weight"))}
	}
	return tensor.Role{Kind: tensor.Kind(kind)}
}

// Layers is not asked for.
func (testRoles) Layers() int { return 2 }

func headers(models ...opstest.Model) []ops.Header {
	var in []ops.Header
	for i, m := range models {
		var infos []tensor.Info
		for _, x := range m {
			infos = append(infos, x.Info)
		}
		in = append(in, ops.NewHeader(string(rune('a'+i)), infos, &tensor.Model{Roles: testRoles{}}))
	}
	return in
}

// TestStack: fusing experts and taking them apart again changes nothing, and a
// fused tensor is the rows of its experts in order.
func TestStack(t *testing.T) {
	m := dense(1, 3, 4)
	mixture, err := apply(t, "moe.from_dense", "{base: a, experts: [a, b], family: mixtral, gate_mode: random}", 1, m, m, dense(2, 3, 4))
	if err != nil {
		t.Fatal(err)
	}
	fused, err := apply(t, "moe.stack", "{model: m}", 0, mixture)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(mixture.Find("layer.1.block_sparse_moe.experts.0.w1.weight"), mixture.Find("layer.1.block_sparse_moe.experts.0.w3.weight"),
		mixture.Find("layer.1.block_sparse_moe.experts.1.w1.weight"), mixture.Find("layer.1.block_sparse_moe.experts.1.w3.weight"))
	if !slices.Equal(fused.Find("layer.1.mlp.experts.gate_up_proj"), want) {
		t.Error("gate_up_proj is not the rows of gates and up projections in order")
	}
	if fused.Find("layer.0.mlp.gate.weight") == nil {
		t.Error("the router kept its name")
	}
	back, err := apply(t, "moe.unstack", "{model: m, names: mixtral}", 0, fused)
	if err != nil {
		t.Fatal(err)
	}
	if len(back) != len(mixture) {
		t.Errorf("%d tensors of %d", len(back), len(mixture))
	}
	for _, x := range mixture {
		if !slices.Equal(back.Find(x.Info.Name), x.Data) {
			t.Errorf("%s changed on the way", x.Info.Name)
		}
	}
}

// TestBadLayouts: what lacks a part, or is fused in another way, is refused by
// the layer's name.
func TestBadLayouts(t *testing.T) {
	m := dense(1, 3, 4)
	mixture, err := apply(t, "moe.from_dense", "{base: a, experts: [a, b], family: qwen3_moe, gate_mode: random}", 1, m, m, m)
	if err != nil {
		t.Fatal(err)
	}
	lacking := slices.DeleteFunc(slices.Clone(mixture), func(x opstest.Matrix) bool { return x.Info.Name == "layer.1.mlp.experts.1.up_proj.weight" })
	if _, err := apply(t, "moe.stack", "{model: m}", 0, lacking); err == nil || !strings.Contains(err.Error(), "layer.1: expert 1 of 2 lacks a matrix of the first one's shape for mlp.up") {
		t.Errorf("got %v", err)
	}
	fused, err := apply(t, "moe.stack", "{model: m}", 0, mixture)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fused {
		if strings.HasSuffix(fused[i].Info.Name, "gate_up_proj") {
			fused[i].Info.Shape = tensor.Shape{2, 4, 6}
		}
	}
	if _, err := apply(t, "moe.unstack", "{model: m}", 0, fused); err == nil || !strings.Contains(err.Error(), "want [experts, 2 width, hidden]") {
		t.Errorf("got %v", err)
	}
}
