// Package opstest is the conformance suite that every op passes, and a small
// executor over models in memory for the tests of single ops.
package opstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/lora"
	"github.com/rouxml/roux/tensor/vocab"
)

// Matrix is a tensor in memory.
type Matrix struct {
	Info tensor.Info
	Data []float32
}

// Model is a model in memory, in storage order.
type Model []Matrix

// Find returns a tensor's values by name, or nil.
func (m Model) Find(name string) []float32 {
	for _, t := range m {
		if t.Info.Name == name {
			return t.Data
		}
	}
	return nil
}

// roles knows the names that Random makes.
type roles struct{}

// Role reads "layer.N.kind".
func (roles) Role(name string, _ tensor.Shape) tensor.Role {
	var layer int
	var kind string
	if n, _ := fmt.Sscanf(name, "layer.%d.%s", &layer, &kind); n == 2 {
		return tensor.Role{Layer: layer, Kind: tensor.Kind(kind[:len(kind)-len(".weight")])}
	}
	return tensor.Role{Layer: -1, Kind: tensor.Kind(name[:len(name)-len(".weight")])}
}

// Layers is what Random makes.
func (roles) Layers() int { return 2 }

// Random makes a model of two layers with values that differ by seed.
func Random(seed uint64) Model {
	r := rand.New(rand.NewPCG(seed, 1))
	var m Model
	add := func(name string, shape ...int) {
		info := tensor.Info{Name: name + ".weight", DType: tensor.F32, Shape: shape}
		data := make([]float32, info.Shape.Numel())
		for i := range data {
			data[i] = float32(r.NormFloat64())
		}
		m = append(m, Matrix{info, data})
	}
	add("embed", 16, 8)
	for l := range 2 {
		add(fmt.Sprintf("layer.%d.attn.q", l), 8, 8)
		add(fmt.Sprintf("layer.%d.mlp.up", l), 24, 8)
		add(fmt.Sprintf("layer.%d.norm", l), 8)
	}
	add("norm", 8)
	return m
}

// RandomAdapter makes a LoRA adapter of rank 2 for the matrices of Random's
// layers, whose scale is 2.
func RandomAdapter(seed uint64) Model {
	r := rand.New(rand.NewPCG(seed, 2))
	var m Model
	for _, t := range Random(seed) {
		if module, ok := strings.CutSuffix(t.Info.Name, ".weight"); ok && len(t.Info.Shape) == 2 && module != "embed" {
			for end, shape := range map[string]tensor.Shape{".lora_A.weight": {2, t.Info.Shape[1]}, ".lora_B.weight": {t.Info.Shape[0], 2}} {
				m = append(m, Matrix{tensor.Info{Name: lora.Prefix + module + end, DType: tensor.F32, Shape: shape}, make([]float32, shape.Numel())})
			}
		}
	}
	slices.SortFunc(m, func(a, b Matrix) int { return strings.Compare(a.Info.Name, b.Info.Name) })
	for _, t := range m {
		for i := range t.Data {
			t.Data[i] = float32(r.NormFloat64())
		}
	}
	return m
}

// adapter is the config of a model with factors; nil for a whole one.
func (m Model) adapter() []byte {
	if slices.ContainsFunc(m, func(t Matrix) bool { return strings.Contains(t.Info.Name, ".lora_") }) {
		return []byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 4}`)
	}
	return nil
}

// Decode reads params from YAML, failing the test on problems.
func Decode(t testing.TB, op *ops.Op, text string) any {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	params := op.New()
	root := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(doc.Content[0].Content); i += 2 {
		if k := doc.Content[0].Content[i]; k.Value != "op" && k.Value != "where" {
			root.Content = append(root.Content, k, doc.Content[0].Content[i+1])
		}
	}
	if problems := schema.Decode(root, "example", op.Name, params); problems != nil {
		t.Fatalf("%s: %v", op.Name, problems)
	}
	if problems := op.Check(params); problems != nil {
		t.Fatalf("%s: %v", op.Name, schema.Problems(problems))
	}
	return params
}

// Order is how Apply runs blocks: their sequence and their size in rows.
type Order struct {
	Seed uint64 // of the shuffle; 0 keeps the order
	Rows int    // per block of Run; 0 means 3
	// Stored shows operands in bfloat16, as they are stored; they must be such
	// numbers.
	Stored bool
	// Fails is how many blocks a Prepare is shown before reading fails with
	// ErrRead; 0 means that it does not.
	Fails int
}

// Apply runs an op over models in memory. It honours no `where`.
func Apply(op *ops.Op, params any, seed uint64, o Order, models ...Model) (Model, error) {
	headers := make([]ops.Header, len(models))
	for i, m := range models {
		infos := make([]tensor.Info, len(m))
		for j, t := range m {
			infos[j] = t.Info
		}
		headers[i] = ops.NewHeader(fmt.Sprintf("m%d", i), infos, &tensor.Model{Roles: lora.Roles{Base: roles{}}, Adapter: m.adapter(), Vocab: vocabulary(i)})
	}
	if op.Select != nil {
		return pick(op, params, headers, models)
	}
	units, err := op.Plan(params, headers)
	if err != nil {
		return nil, err
	}
	x := executor{op: op, seed: seed, order: o, models: models, rand: rand.New(rand.NewPCG(o.Seed, 7))}
	out, err := x.carry(params, units, headers)
	if x.failed.Load() && !errors.Is(err, ErrRead) {
		return nil, errors.Join(fmt.Errorf("%s loses an error of reading", op.Name), err)
	}
	return out, err
}

// vocabulary is that of the i-th model: tokens for the rows of Random's
// embedding, in the opposite order in every other model.
func vocabulary(i int) func() (*vocab.Tokenizer, error) {
	return func() (*vocab.Tokenizer, error) {
		ids := map[string]int{}
		for k := range 16 {
			ids[fmt.Sprintf("t%02d", k)] = k
			if i%2 == 1 {
				ids[fmt.Sprintf("t%02d", k)] = 15 - k
			}
		}
		text, err := json.Marshal(map[string]any{"model": map[string]any{"type": vocab.WordLevel, "vocab": ids}})
		if err != nil {
			return nil, err
		}
		return vocab.Parse(text)
	}
}

func pick(op *ops.Op, params any, headers []ops.Header, models []Model) (Model, error) {
	picks, err := op.Select(params, headers)
	return picked(picks, headers, models), err
}

type executor struct {
	op     *ops.Op
	seed   uint64
	order  Order
	models []Model
	rand   *rand.Rand

	shown  atomic.Int64 // blocks
	failed atomic.Bool
}

type work struct {
	params any
	pass   *ops.Pass
	layer  int
	in     [][]float32
}

func (x *executor) run(params any, units []ops.Unit) (Model, error) {
	works := make([]*work, len(units))
	for i, u := range units {
		role := lora.Roles{Base: roles{}}.Role(u.Out[0].Name, u.Out[0].Shape)
		p, err := schema.Resolve(params, schema.Env{Name: u.Out[0].Name, Layer: role.Layer, Layers: 2, Kind: string(role.Kind)})
		if err != nil {
			return nil, err
		}
		w := &work{params: p, pass: &ops.Pass{Unit: u, Ports: len(x.models), Op: x.op.Name, Seed: x.seed}, layer: role.Layer}
		for _, in := range u.In {
			for _, t := range x.models[in.Port] {
				if t.Info.Name == in.Name {
					w.in = append(w.in, t.Data)
					w.pass.In = append(w.pass.In, t.Info)
				}
			}
		}
		if x.op.Needs != 0 && len(schema.DataRefs(params)) > 0 {
			w.pass.Stats = []*ops.Stats{Stats(w.pass.In[0])}
		}
		if err := u.Check(w.pass.In); err != nil {
			return nil, err
		}
		works[i] = w
	}
	if err := x.prepare(works); err != nil {
		return nil, err
	}
	var out Model
	for _, w := range works {
		made, err := x.compute(w)
		if err != nil {
			return nil, err
		}
		out = append(out, made...)
	}
	return out, nil
}

func (x *executor) prepare(works []*work) error {
	if x.op.Rows == nil {
		return nil
	}
	groups := map[string][]*work{}
	var ids []string
	for i, w := range works {
		id := fmt.Sprint("tensor ", i)
		switch x.op.Rows.Extent(w.params) {
		case ops.Rows:
			continue
		case ops.Layer:
			id = fmt.Sprint("layer ", w.layer)
		case ops.Model:
			id = "model"
		}
		if groups[id] == nil {
			ids = append(ids, id)
		}
		groups[id] = append(groups[id], w)
	}
	for _, id := range ids {
		scans := make([]ops.Scan, len(groups[id]))
		for i, w := range groups[id] {
			scans[i] = x.scan(w)
		}
		states, err := x.op.Rows.Prepare(context.Background(), scans)
		if err != nil {
			return err
		}
		for i, w := range groups[id] {
			w.pass.State = states[i]
		}
	}
	return nil
}

// block copies the rows, as the engine does: kernels may overwrite them.
func (x *executor) block(w *work, span [2]int) *ops.Block {
	b := &ops.Block{Row: span[0], Rows: span[1], Cols: w.pass.In[0].Shape.Cols(), NewScratch: func(n int) []float32 { return make([]float32, n) }, NewMask: func(n int) kernel.Mask { return make(kernel.Mask, kernel.MaskWords(n)) }}
	for i, data := range w.in {
		cols := w.pass.In[i].Shape.Cols()
		if w.pass.Unit.Rows != nil && w.pass.Unit.Rows[i] != nil {
			b.In = append(b.In, ops.Values{F32: mapped(w.pass.Unit.Rows[i], data, w.pass.In[i].Shape, span)})
			continue
		}
		rows := data[span[0]*cols : (span[0]+span[1])*cols]
		if x.order.Stored {
			raw := make([]byte, 2*len(rows))
			kernel.F32ToBF16(raw, rows)
			b.In = append(b.In, ops.Values{BF16: raw})
			continue
		}
		b.In = append(b.In, ops.Values{F32: slices.Clone(rows)})
	}
	return b
}

// mapped copies the rows, or elements of a vector, that stand for those of a span.
func mapped(m ops.RowMap, data []float32, shape tensor.Shape, span [2]int) []float32 {
	width := shape.Cols()
	if len(shape) == 1 {
		width, span = 1, [2]int{0, len(m)}
	}
	out := make([]float32, span[1]*width)
	for i, from := range m[span[0] : span[0]+span[1]] {
		if from != ops.None {
			copy(out[i*width:(i+1)*width], data[int(from)*width:])
		}
	}
	return out
}

func (x *executor) compute(w *work) (Model, error) {
	outs := w.pass.Unit.Out
	switch {
	case x.op.Whole != nil:
		var in, out []ops.Matrix
		var made Model
		for i, data := range w.in {
			in = append(in, ops.Matrix{Info: w.pass.In[i], Data: slices.Clone(data)})
		}
		for _, info := range outs {
			m := Matrix{info, make([]float32, info.Shape.Numel())}
			out, made = append(out, ops.Matrix{Info: info, Data: m.Data}), append(made, m)
		}
		return made, x.op.Whole.Run(context.Background(), w.params, w.pass, in, out)
	case x.op.Measure != nil:
		b := x.block(w, [2]int{0, w.pass.In[0].Shape.Rows()})
		sums, err := x.op.Measure.Sums(w.params, w.pass, b)
		m := Matrix{Info: outs[0]}
		for _, s := range sums {
			m.Data = append(m.Data, float32(s))
		}
		return Model{m}, err
	}
	return x.rows(w, outs[0])
}

// rows runs a row kernel. Prepare's blocks are fixed; Run's may be any.
func (x *executor) rows(w *work, info tensor.Info) (Model, error) {
	per := 5
	if x.order.Rows > 0 {
		per = x.order.Rows
	}
	spans := cut(info.Shape.Rows(), per)
	m := Matrix{info, make([]float32, info.Shape.Numel())}
	cols := info.Shape.Cols()
	for _, k := range x.shuffle(len(spans)) {
		b := &ops.Block{Row: spans[k][0], Rows: spans[k][1]} // of a unit that reads nothing
		if len(w.in) > 0 {
			b = x.block(w, spans[k])
		}
		b.Index, b.Cols = k, cols
		b.Out = m.Data[spans[k][0]*cols : (spans[k][0]+spans[k][1])*cols]
		if info.Quant != nil {
			b.Rec = make([]byte, b.Rows*info.RowBytes())
		}
		if err := x.op.Rows.Run(w.params, w.pass, b); err != nil {
			return nil, err
		}
		if info.Quant != nil {
			if err := codec.DecodeRows(b.Out, b.Rec, info); err != nil {
				return nil, err
			}
		}
		codec.Round(b.Out, info.DType)
	}
	return Model{m}, nil
}
