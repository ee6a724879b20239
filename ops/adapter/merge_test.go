package adapter

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

// golden is testdata/merged.json, which testdata/make.py wrote with PEFT.
type golden struct {
	Weights       []float64
	Equal, Ranked []stored
	Cases         []struct {
		Group, Method, Sign string
		Rank                int
		Density             float64
		Want                tensors
	}
}

// stored is an adapter as text.
type stored struct {
	Config  json.RawMessage
	Tensors tensors
}

type tensors map[string]values

type values struct {
	Shape tensor.Shape
	Data  []float32
}

func (ts tensors) model() opstest.Model {
	var m opstest.Model
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		m = append(m, opstest.Matrix{Info: tensor.Info{Name: name, DType: tensor.F32, Shape: ts[name].Shape}, Data: ts[name].Data})
	}
	return m
}

func read(t *testing.T) golden {
	t.Helper()
	var g golden
	text, err := os.ReadFile("testdata/merged.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func opNamed(t testing.TB, name string) *ops.Op {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op(name)
	return op
}

type roleless struct{}

func (roleless) Role(string, tensor.Shape) tensor.Role { return tensor.Role{Layer: -1} }
func (roleless) Layers() int                           { return 0 }

func header(name string, m opstest.Model, config []byte) ops.Header {
	var infos []tensor.Info
	for _, x := range m {
		infos = append(infos, x.Info)
	}
	return ops.NewHeader(name, infos, &tensor.Model{Roles: roleless{}, Adapter: config})
}

// mergeAll runs adapter.merge over adapters and returns what it makes and its config.
func mergeAll(t testing.TB, params string, seed uint64, from []stored) (opstest.Model, lora.Config, error) {
	t.Helper()
	op := opNamed(t, "adapter.merge")
	p := opstest.Decode(t, op, params)
	var hs []ops.Header
	var models []opstest.Model
	for i, s := range from {
		models = append(models, s.Tensors.model())
		hs = append(hs, header(fmt.Sprintf("a%d", i), models[i], s.Config))
	}
	units, err := op.Plan(p, hs)
	if err != nil {
		return nil, lora.Config{}, err
	}
	var out opstest.Model
	for _, u := range units {
		resolved, err := schema.Resolve(p, schema.Env{Name: u.Out[0].Name, Layer: -1})
		if err != nil {
			t.Fatal(err)
		}
		pass := &ops.Pass{Unit: u, Ports: len(hs), Op: op.Name, Seed: seed}
		var in, made []ops.Matrix
		for _, o := range u.In {
			info, _ := hs[o.Port].Info(o.Name)
			pass.In = append(pass.In, info)
			in = append(in, ops.Matrix{Info: info, Data: slices.Clone(models[o.Port].Find(o.Name))})
		}
		for _, info := range u.Out {
			x := opstest.Matrix{Info: info, Data: make([]float32, info.Shape.Numel())}
			out, made = append(out, x), append(made, ops.Matrix{Info: info, Data: x.Data})
		}
		if err := op.Whole.Run(context.Background(), resolved, pass, in, made); err != nil {
			return nil, lora.Config{}, err
		}
	}
	ridden := &tensor.Model{}
	if err := op.Ride(p, hs, ridden); err != nil {
		t.Fatal(err)
	}
	c, err := lora.ParseConfig(ridden.Adapter)
	return out, c, err
}

// productOf multiplies a module's factors, scaled as the config says.
func productOf(c lora.Config, m opstest.Model, module string) []float64 {
	var a, b opstest.Matrix
	for _, x := range m {
		if n, _ := lora.Split(x.Info.Name); n.Module == module && n.Part == lora.A {
			a = x
		} else if n.Module == module && n.Part == lora.B {
			b = x
		}
	}
	if a.Data == nil {
		return nil
	}
	rank, in, out := a.Info.Shape[0], a.Info.Shape[1], b.Info.Shape[0]
	p := make([]float64, in*out)
	for i := range out {
		for j := range in {
			for k := range rank {
				p[i*in+j] += float64(b.Data[i*rank+k]) * float64(a.Data[k*in+j]) * c.Scale(module, rank)
			}
		}
	}
	return p
}

// TestAsPEFT holds every combination that draws nothing to what PEFT made, and
// those that draw to it at a density of one. Factors agree where they are not
// an SVD's, whose signs are free; products always.
func TestAsPEFT(t *testing.T) {
	g := read(t)
	for _, c := range g.Cases {
		t.Run(fmt.Sprint(c.Group, c.Method, c.Sign), func(t *testing.T) {
			from := g.Equal
			if c.Group == "ranked" {
				from = g.Ranked
			}
			params := fmt.Sprintf("{models: [{model: a, weight: %g}, {model: b, weight: %g}, {model: c, weight: %g}], method: %s, majority_sign_method: %s", g.Weights[0], g.Weights[1], g.Weights[2], c.Method, c.Sign)
			if c.Rank > 0 {
				params += fmt.Sprintf(", rank: %d", c.Rank)
			}
			if c.Density > 0 {
				params += fmt.Sprintf(", density: %g", c.Density)
			}
			got, config, err := mergeAll(t, params+"}", 1, from)
			if err != nil {
				t.Fatal(err)
			}
			one := lora.Config{Rank: 1}
			for _, module := range []string{"embed", "up", "down"} {
				want := c.Want.model()
				for _, x := range want { // PEFT's scale is one: lora_alpha is r
					if n, _ := lora.Split(x.Info.Name); n.Module == module && n.Part == lora.A {
						one.Alpha = float64(x.Info.Shape[0])
					}
				}
				equal(t, module, productOf(config, got, module), productOf(one, want, module), 3e-6)
			}
			if strings.HasSuffix(c.Method, "svd") || c.Method == "cat" {
				return
			}
			for name, w := range c.Want {
				equal(t, name, widened(got.Find(name)), widened(w.Data), 1e-6)
			}
		})
	}
}

func widened(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func equal(t *testing.T, name string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol*largest) {
			t.Fatalf("%s[%d] = %v, want %v (largest %v)", name, i, got[i], want[i], largest)
		}
	}
}
