package all

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/lora"
)

// fixtures give every op params that fit the models of opstest, and how many
// models it takes.
var fixtures = map[string]struct {
	params string
	models int
}{
	"adapter.apply":           {"{model: a, adapter: b, weight: 0.5}", 2},
	"adapter.extract":         {"{model: a, base: b, rank: 2}", 2},
	"adapter.merge":           {"{models: [a, {model: b, weight: -0.4}], method: dare_ties, density: 0.5}", 2},
	"adapter.report":          {"{adapter: a}", 1},
	"edit.cast":               {"{model: a, dtype: bfloat16}", 1},
	"edit.scale":              {"{model: a, scale: [0.5, 2]}", 1},
	"evaluate.choice":         {"{models: [a, b], data: d}", 2},
	"evaluate.combine":        {"{models: [a, {model: b, weight: 0.4}], data: d, how: entropy}", 2},
	"evaluate.compare":        {"{reference: a, models: [b]}", 2},
	"evaluate.embed":          {"{models: [a, b], data: d, first: first, second: second, score: score}", 2},
	"evaluate.generate":       {"{models: [a, b], data: d}", 2},
	"evaluate.hidden":         {"{models: [a, b], data: d}", 2},
	"evaluate.kl":             {"{reference: a, models: [b, c], data: d, protocol: begin}", 3},
	"evaluate.perplexity":     {"{models: [a, b], data: d, protocol: hf-stride, stride: 7}", 2},
	"lowrank.svd":             {"{model: a, rank: {energy: 0.9}}", 1},
	"merge.arcee_fusion":      {"{base: a, model: b}", 2},
	"merge.breadcrumbs":       {"{base: a, models: [b, {model: c, gamma: 0.2}], density: 0.4, gamma: 0.1, rescale: true}", 3},
	"merge.breadcrumbs_ties":  {"{base: a, models: [b, {model: c, gamma: 0.2}], density: 0.4, gamma: 0.1}", 3},
	"merge.dare_linear":       {"{base: a, models: [b, c], density: 0.5}", 3},
	"merge.dare_ties":         {"{base: a, models: [b, c], density: 0.5}", 3},
	"merge.della":             {"{base: a, models: [b, {model: c, epsilon: 0.1}], density: 0.6}", 3},
	"merge.della_linear":      {"{base: a, models: [b, {model: c, epsilon: 0.1}], density: 0.4, epsilon: 0.3}", 3},
	"merge.karcher":           {"{models: [a, b, c]}", 3},
	"merge.linear":            {"{models: [a, {model: b, weight: [0, 1]}]}", 2},
	"merge.model_stock":       {"{base: a, models: [b, c]}", 3},
	"merge.multislerp":        {"{base: a, models: [b, {model: c, weight: [0.2, 1]}]}", 3},
	"merge.nearswap":          {"{base: a, model: b, t: [0.1, 1]}", 2},
	"merge.nuslerp":           {"{base: a, models: [b, {model: c, weight: 0.3}], nuslerp_flatten: false, nuslerp_row_wise: true}", 3},
	"merge.ram":               {"{base: a, models: [b, c], epsilon: 0.5}", 3},
	"merge.ramplus_tl":        {"{base: a, models: [b, c], epsilon: 0.5}", 3},
	"merge.sce":               {"{base: a, models: [b, c], select_topk: 0.4}", 3},
	"merge.slerp":             {"{base: a, model: b, t: 0.3}", 2},
	"merge.task_arithmetic":   {"{base: a, models: [b, c], lambda: 0.7}", 3},
	"merge.ties":              {"{base: a, models: [b, {model: c, weight: 0.3}], density: 0.4, rescale: true}", 3},
	"moe.from_dense":          {"{base: a, experts: [{model: b, noise_scale: 0.1}, c], family: mixtral, gate_mode: random, experts_per_token: 1}", 3},
	"prune.magnitude":         {"{model: a, sparsity: 0.5, scope: model}", 1},
	"prune.wanda":             {"{model: a, sparsity: 0.5, calibrate: d}", 1},
	"quantize.rtn":            {"{model: a, bits: 4, group_size: 4, symmetric: false}", 1},
	"resize.drop":             {"{model: a, count: 1, calibrate: d}", 1},
	"resize.stack":            {"{slices: [{model: a, layers: [0, 1]}, b]}", 2},
	"tokenizer.align":         {"{model: b, models: [a, b], base: a, pad_to_multiple_of: 5, tokens: [{token: x, zero: true}, {token: t03, from: a, force: true}]}", 5},
	"tokenizer.chat_template": {"{model: a, template: chatml}", 1},
	"tokenizer.transplant":    {"{model: a, donor: b, k: 3}", 2},
}

func models(op *ops.Op, n int) []opstest.Model {
	list := make([]opstest.Model, n)
	for i := range list {
		list[i] = opstest.Random(uint64(i + 1))
		switch {
		case op.Name == "adapter.merge", op.Name == "adapter.apply" && i == 1:
			list[i] = opstest.RandomAdapter(uint64(i + 1))
		case op.Name == "adapter.report":
			list[i] = extracted()
		case op.Name == "moe.stack":
			list[i] = append(list[i], experts("block_sparse_moe.experts.%d.w1.weight", 6, 8)...)
			list[i] = append(list[i], experts("block_sparse_moe.experts.%d.w2.weight", 8, 6)...)
			list[i] = append(list[i], experts("block_sparse_moe.experts.%d.w3.weight", 6, 8)...)
		case op.Name == "moe.unstack":
			list[i] = append(list[i], experts("mlp.experts.gate_up_proj", 2, 12, 8)[:1]...)
			list[i] = append(list[i], experts("mlp.experts.down_proj", 2, 8, 6)[:1]...)
		case op.Name == "quantize.rtn":
			list[i] = slices.DeleteFunc(list[i], func(m opstest.Matrix) bool { return len(m.Info.Shape) != 2 })
		}
	}
	return list
}

// extracted is an adapter with the records of its extraction.
func extracted() opstest.Model {
	var m opstest.Model
	for _, name := range []string{"layer.0.mlp.up.weight", "layer.1.mlp.up.weight"} {
		m = append(m, opstest.Matrix{Info: lora.RecordInfo(name), Data: []float32{3, 1, 9, 0, 2}})
	}
	return append(m, opstest.RandomAdapter(1)...)
}

// experts makes a tensor for each of two experts of one layer.
func experts(name string, shape ...int) opstest.Model {
	var m opstest.Model
	for e := range 2 {
		info := tensor.Info{Name: "layer.0." + strings.Replace(name, "%d", strconv.Itoa(e), 1), DType: tensor.F32, Shape: shape}
		data := make([]float32, info.Shape.Numel())
		for i := range data {
			data[i] = float32(e*len(data) + i)
		}
		m = append(m, opstest.Matrix{Info: info, Data: data})
	}
	return m
}

// TestConformance runs over every op: its example decodes, any order and cut
// of the work gives the same bits, other seeds change random ops alone, random
// draws differ from tensor to tensor, what cannot be read is an error, and NaN and Inf are an error or a value but never a panic.
func TestConformance(t *testing.T) {
	reg, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range reg.Names() {
		op, _ := reg.Op(name)
		t.Run(name, func(t *testing.T) {
			f, ok := fixtures[name]
			if !ok {
				f.params, f.models = op.Example, len(schema.Refs(opstest.Decode(t, op, op.Example)))
			}
			opstest.Decode(t, op, op.Example)
			params := opstest.Decode(t, op, f.params)
			if op.Score != nil {
				scores(t, op, params, f.models)
				return
			}
			in := models(op, f.models)
			want, err := opstest.Apply(op, params, 1, opstest.Order{}, in...)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []opstest.Order{{Seed: 5, Rows: 1}, {Seed: 6, Rows: 4}, {Seed: 7, Rows: 100}} {
				got, err := opstest.Apply(op, params, 1, o, in...)
				if err != nil {
					t.Fatal(err)
				}
				same(t, o, want, got)
			}
			other, err := opstest.Apply(op, params, 2, opstest.Order{}, in...)
			if err != nil {
				t.Fatal(err)
			}
			if same := equal(want, other); same == op.Random {
				t.Errorf("Random is %v, and another seed gives the same bits: %v", op.Random, same)
			}
			if op.Random {
				if err := opstest.NamesMatter(op, params, in...); err != nil {
					t.Error(err)
				}
			}
			stored(t, op, params, in)
			for _, n := range []int{1, 7, 40} {
				if _, err := opstest.Apply(op, params, 1, opstest.Order{Fails: n}, in...); err != nil && !errors.Is(err, opstest.ErrRead) {
					t.Error(err)
				}
			}
			spoilt := in[0][1]
			spoilt.Data[3], spoilt.Data[4] = float32(math.NaN()), float32(math.Inf(1))
			_, err = opstest.Apply(op, params, 1, opstest.Order{}, in...)
			if err != nil && !strings.Contains(err.Error(), "NaN") {
				t.Errorf("an error about NaN does not say so: %v", err)
			}
		})
	}
}

// stored holds a kernel that reads bfloat16 as it is stored to the same bits as
// one that reads it widened.
func stored(t *testing.T, op *ops.Op, params any, in []opstest.Model) {
	t.Helper()
	if op.Rows == nil {
		return
	}
	for _, m := range in {
		for _, x := range m {
			kernel.RoundBF16(x.Data)
		}
	}
	want, err := opstest.Apply(op, params, 1, opstest.Order{}, in...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := opstest.Apply(op, params, 1, opstest.Order{Stored: true}, in...)
	if err != nil {
		t.Fatal(err)
	}
	same(t, opstest.Order{Stored: true}, want, got)
}

func equal(a, b opstest.Model) bool {
	return slices.EqualFunc(a, b, func(x, y opstest.Matrix) bool {
		return x.Info.Name == y.Info.Name && slices.Equal(x.Data, y.Data)
	})
}

func same(t *testing.T, o opstest.Order, want, got opstest.Model) {
	t.Helper()
	for i := range want {
		if want[i].Info.Name != got[i].Info.Name || !slices.Equal(want[i].Data, got[i].Data) {
			t.Errorf("order %+v changes %s", o, want[i].Info.Name)
		}
	}
}
