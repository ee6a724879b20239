package recipes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/schema"
)

// fake is a catalog of two ops.
type fake struct{}

type fakeMerge struct {
	Models []schema.Ref `yaml:"models" check:"min=1" doc:"models"`
	Weight schema.Curve `yaml:"weight" check:">=0" default:"1" doc:"weight"`
}

type fakeScale struct {
	Model schema.Ref   `yaml:"model" previous:"" doc:"model"`
	Scale schema.Curve `yaml:"scale" default:"1" doc:"factor"`
}

type fakeMeasure struct {
	Models []schema.Ref `yaml:"models" doc:"models"`
}

func (fake) Names() []string { return []string{"merge.fake", "edit.fake", "evaluate.fake"} }
func (fake) Params(op string) (any, bool) {
	switch op {
	case "merge.fake":
		return &fakeMerge{}, true
	case "edit.fake":
		return &fakeScale{}, true
	case "evaluate.fake":
		return &fakeMeasure{}, true
	}
	return nil, false
}
func (fake) Check(string, any) []schema.Problem  { return nil }
func (fake) Metrics(string) ([]string, []string) { return nil, nil }
func (fake) Measures(op string) bool             { return op == "evaluate.fake" }

func parseText(t *testing.T, text string, o Options) (*Recipe, error) {
	t.Helper()
	return Parse("r.yaml", []byte(text), fake{}, o)
}

// TestProblems: each mistake gets its place, what is wrong and what to do.
func TestProblems(t *testing.T) {
	const head = "roux: 1\nmodels: {a: x, b: y}\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "r.yaml: the file is empty"},
		{"no version", "models: {a: x}\noutputs: {o: {from: a, path: p}}\n", `missing key "roux"`},
		{"later version", "roux: 2\nmodels: {a: x}\noutputs: {o: {from: a, path: p}}\n", "upgrade roux"},
		{"list", "- a\n", "a recipe is a mapping"},
		{"two documents", head + "---\na: 1\n", "a second document follows"},
		{"unknown key", head + "step: {}\n", `unknown key "step" (did you mean "steps"?)`},
		{"duplicate key", head + "models: {}\n", `key "models" stands twice, first at line 2`},
		{"name taken", head + "steps: {a: {op: edit.fake, model: b}}\n", `3:9: steps.a: the name "a" is taken, at line 2`},
		{"bad name", head + "steps: {1a: {op: edit.fake, model: b}}\n", `"1a" is no name`},
		{"no op", head + "steps: {s: {model: b}}\n", `missing key "op"`},
		{"first has no previous", head + "steps: {s: {op: edit.fake}}\n", "there is no step before this one to take a model from, and more than one model (say model: NAME, one of a, b)"},
		{"negative weight", head + "steps: {s: {op: merge.fake, models: [a, b], weight: [0.1, -1]}}\n", "-1 is out of range: want >= 0"},
		{"bad where", head + `steps: {s: {op: edit.fake, model: a, where: "laier > 1"}}` + "\n", `did you mean "layer"?`},
		{"bad gate", head + "gates: [q.x.y > 1]\noutputs: {o: {from: a, path: p}, p: {from: b, path: q}}\n", `reads "q", which is no measuring step`},
		{"two outputs one path", head + "outputs: {o: {from: a, path: p}, q: {from: b, path: ./p}}\n", "outputs o and q go to one path"},
		{"output of metrics", head + "steps: {q: {op: evaluate.fake, models: [a, b]}}\noutputs: {o: {from: q, path: p}}\n", `step "q" yields metrics and not a model`},
		{"nothing to do", "roux: 1\nmodels: {a: x}\n", "writes nothing and measures nothing"},
		{"param", head + "params: {w: 1}\nsteps: {s: {op: merge.fake, models: [a, b], weight: \"${{ params.v }}\"}}\noutputs: {o: {from: s, path: p}}\n", "params.v"},
		{"matrix in one place", head + "steps:\n  m: {op: edit.fake, model: a, matrix: {s: [1, 2]}, scale: \"${{ matrix.s }}\"}\n  q: {op: evaluate.fake, models: [b]}\noutputs: {o: {from: m, path: p}}\n", "name one: m-1, m-2"},
		{"unused model", head + "outputs: {o: {from: a, path: p}}\n", `nothing uses model "b"`},
		{"alias bomb", "roux: 1\nmodels: &a [x, x, x, x, x, x, x, x, x, x]\ndata: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nsteps: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\ngates: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\nparams: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nname: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\nseed: [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]\n", "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseText(t, c.text, Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestMatrixAndParams: a matrix makes steps, --set overrides params, a whole
// expression keeps its type, steps are sorted by what they need.
func TestMatrixAndParams(t *testing.T) {
	r, err := parseText(t, `roux: 1
params: {w: 0.5, name: two}
models: {a: x, b: y}
steps:
  last: {op: merge.fake, models: [m]}
  m: {op: merge.fake, models: [a, b], matrix: {k: [1, 2]}, weight: "${{ matrix.k * params.w }}"}
outputs: {o: {from: last, path: "out/${{ params.name }}"}}
`, Options{Set: map[string]string{"w": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"m-1", "m-2", "last"}, names); d != "" {
		t.Error(d)
	}
	if w := r.Steps[1].Params.(*fakeMerge).Weight.Value(); w != 6 {
		t.Errorf("weight %v, want 6", w)
	}
	if p := r.Outputs[0].Path; p != "out/two" {
		t.Errorf("path %s", p)
	}
}

// TestAnchors: YAML 1.1 habits of mergekit's users work.
func TestAnchors(t *testing.T) {
	r, err := parseText(t, "roux: 1\nmodels: {a: x}\nsteps:\n  s: &s {op: edit.fake, model: a, scale: 1e-4}\n  t: {<<: *s, model: s}\noutputs: {o: {from: t, path: p}}\n", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Steps[1].Params.(*fakeScale); v.Scale.Value() != 1e-4 || v.Model.Name != "s" {
		t.Errorf("%+v", v)
	}
}

// TestSubRecipe: a recipe may be a model, and not its own.
func TestSubRecipe(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("inner.yaml", "roux: 1\nmodels: {a: x}\noutputs: {o: {from: a, path: p}}\n")
	write("outer.yaml", "roux: 1\nmodels: {a: {recipe: ./inner.yaml}}\noutputs: {o: {from: a, path: q}}\n")
	write("circle.yaml", "roux: 1\nmodels: {a: {recipe: ./circle.yaml}}\noutputs: {o: {from: a, path: q}}\n")
	r, err := Load(filepath.Join(dir, "outer.yaml"), fake{}, Options{})
	if err != nil || r.Models[0].Recipe == nil {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := Load(filepath.Join(dir, "circle.yaml"), fake{}, Options{}); err == nil || !strings.Contains(err.Error(), "in a circle") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("roux: 1\nmodels: {a: x}\nsteps: {s: {op: edit.fake, model: a, scale: [{where: layer > 1, value: 2}]}}\noutputs: {o: {from: s, path: p}}\n")
	f.Add("merge_method: ties\nmodels: [{model: a, parameters: {weight: [0, 1], density: [{filter: mlp, value: 0.5}]}}]\nbase_model: b\ndtype: float32\n")
	f.Add("merge_method: slerp\nslices: [{sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [1, 3]}]}]\nbase_model: a\nparameters: {t: 0.5}\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse("f.yaml", []byte(text), fake{}, Options{})
		if (r == nil) == (err == nil) {
			t.Errorf("recipe %v, error %v", r, err)
		}
	})
}
