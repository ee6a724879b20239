package schema

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

type sample struct {
	Model   Ref      `yaml:"model" previous:"" doc:"a model"`
	List    []item   `yaml:"list" check:"optional,min=1" doc:"items"`
	Density Curve    `yaml:"density" check:">0,<=1" default:"0.5" doc:"share"`
	Count   int      `yaml:"count" default:"3" check:"1..10" doc:"a number"`
	Mode    string   `yaml:"mode" default:"fast" check:"enum=fast|slow" doc:"a choice"`
	Flag    bool     `yaml:"flag" default:"false" doc:"a switch"`
	Size    Bytes    `yaml:"size" default:"1MB" doc:"a size"`
	Rank    Rank     `yaml:"rank" check:"optional" doc:"a rank"`
	Bits    int      `yaml:"bits" default:"4" check:"enum=4|8" doc:"a choice of numbers"`
	Places  []int    `yaml:"places" check:"optional,>=0" doc:"numbers"`
	Ratio   *float64 `yaml:"ratio" check:"optional,>=0" doc:"a share"`
}

type item struct {
	Model  Ref   `yaml:"model" doc:"a model"`
	Weight Curve `yaml:"weight" default:"1" doc:"its weight"`
}

func (*item) FromScalar() string { return "model" }

func decode(t testing.TB, text string) (*sample, Problems) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	s := &sample{}
	return s, Decode(doc.Content[0], "f.yaml", "step", s)
}

// TestDecodeProblems: every kind of mistake, with its place.
func TestDecodeProblems(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{densty: 1}", `f.yaml:1:2: step: unknown key "densty" (did you mean "density"?)`},
		{"{density: 0}", "step.density: 0 is out of range: want > 0 and <= 1"},
		{"{density: []}", "found an empty list"},
		{"{density: [0.5, {where: x}]}", "want a number, found a mapping"},
		{"{density: [{value: 2}]}", "step.density: 2 is out of range"},
		{"{density: [{where: layer > 1}]}", `missing key "value"`},
		{"{density: [{where: lair > 1, value: 1}]}", `did you mean "layer"?`},
		{"{count: 11}", "11 is out of range: want >= 1 and <= 10"},
		{"{count: 1.5}", `want a whole number, found "1.5"`},
		{"{count: [1]}", "want a whole number, found a list"},
		{"{mode: fats}", `"fats" is none of fast, slow (did you mean "fast"?)`},
		{"{density: true}", "f.yaml:1:11: step.density: want a number, found true (true and false are no numbers: write 1 or 0 if you mean them)"},
		{"{density: [0.5, yes]}", "want a number, found yes"},
		{"{density: [{where: layer > 1, value: off}]}", "want a number, found off"},
		{"{ratio: false}", "want a number, found false"},
		{"{count: true}", "want a number, found true"},
		{"{flag: maybe}", `want true or false, found "maybe"`},
		{"{size: 3 apples}", `"3 apples" is not a size`},
		{"{rank: {energy: 1.5}}", "1.5 is out of range"},
		{"{rank: {energy: 0.5, ratio: 0.5}}", "want one of energy, ratio and threshold"},
		{"{rank: none}", "want a whole number of at least 1"},
		{"{list: []}", "want at least 1, found 0"},
		{"{list: {}}", "want a list, found a mapping"},
		{"{list: [{weight: 1}]}", `step.list[0]: missing key "model"`},
		{"{model: [a]}", "want the name of a model or step, found a list"},
		{"{ratio: -1}", "-1 is out of range"},
		{"[1]", "want a mapping, found a list"},
	} {
		_, problems := decode(t, c.text)
		if problems == nil || !strings.Contains(problems.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.text, problems, c.want)
		}
	}
}

// TestForms: the shapes that values may take, and the habits of YAML 1.1.
func TestForms(t *testing.T) {
	s, problems := decode(t, `{list: [a, {model: b, weight: 1e-4}, {model: c, weight: "0.3"}, {model: d, weight: 1}], flag: yes, size: 2GiB, rank: {ratio: 0.25}, density: null}`)
	if problems != nil {
		t.Fatal(problems)
	}
	var got []float64
	for _, i := range s.List {
		got = append(got, i.Weight.Value())
	}
	if d := cmp.Diff([]float64{1, 1e-4, 0.3, 1}, got); d != "" {
		t.Error(d)
	}
	if !s.Flag || s.Size != 2<<30 || s.Count != 3 || s.Mode != "fast" || s.Density.Value() != 0.5 {
		t.Errorf("%+v", s)
	}
	if k, ok := s.Rank.Known(8, 16); k != 2 || !ok {
		t.Errorf("rank %d %v", k, ok)
	}
	if refs := Refs(s); len(refs) != 5 || len(PreviousRefs(s)) != 1 {
		t.Errorf("%d refs", len(refs))
	}
}

// TestGradient is mergekit's interpolation; the value at 13/39 was computed by
// mergekit.
func TestGradient(t *testing.T) {
	if v := interpolate([]float64{0, 0.5, 0.3, 0.7, 1}, 13.0/39); math.Abs(v-0.43333333) > 1e-8 {
		t.Errorf("got %v", v)
	}
	for _, c := range []struct {
		env  Env
		want float64
	}{{Env{Layer: 0, Layers: 5}, 0}, {Env{Layer: 4, Layers: 5}, 1}, {Env{Layer: -1, Layers: 5}, 0}, {Env{Layer: 0, Layers: 1}, 1}} {
		if v := interpolate([]float64{0, 1}, c.env.gradient()); v != c.want {
			t.Errorf("%+v: %v, want %v", c.env, v, c.want)
		}
	}
}

// TestResolve: first match wins, expressions see depth, a case for nobody
// falls to the default, and Canonical tells resolved params apart.
func TestResolve(t *testing.T) {
	s, problems := decode(t, `{density: [{where: 'name contains "mlp"', value: [0.2, 0.4]}, {where: layer > 1, value: "0.1 + 0.5*depth"}]}`)
	if problems != nil {
		t.Fatal(problems)
	}
	at := func(e Env) float64 {
		p, err := Resolve(s, e)
		if err != nil {
			t.Fatal(err)
		}
		return p.(*sample).Density.Value()
	}
	for _, c := range []struct {
		env  Env
		want float64
	}{{Env{Name: "mlp", Layer: 2, Layers: 3}, 0.4}, {Env{Name: "attn", Layer: 2, Layers: 3}, 0.6}, {Env{Name: "attn", Layer: 1, Layers: 3}, 0.5}} {
		if v := at(c.env); math.Abs(v-c.want) > 1e-12 {
			t.Errorf("%+v: %v, want %v", c.env, v, c.want)
		}
	}
	if _, err := Canonical(s); err == nil {
		t.Error("an unresolved curve has no canonical form")
	}
	unmatched := Unmatched(s, func(yield func(Env) bool) { yield(Env{Name: "attn", Layer: 2, Layers: 3}) })
	if len(unmatched) != 1 || !strings.Contains(unmatched[0].Msg, "mlp") {
		t.Errorf("unmatched: %v", unmatched)
	}
}

// TestCanonicalIgnoresOrder: the order of keys and defaults written out change
// nothing.
func TestCanonicalIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lines := []string{"count: 4", "mode: slow", "density: 0.25", "flag: true", "size: 5MB"}
		perm := rapid.Permutation(lines).Draw(r, "order")
		a, p1 := decode(t, "{"+strings.Join(lines, ", ")+"}")
		b, p2 := decode(t, "{"+strings.Join(perm, ", ")+"}")
		x, _ := Canonical(a)
		y, _ := Canonical(b)
		if p1 != nil || p2 != nil || string(x) != string(y) {
			r.Errorf("%s\n%s", x, y)
		}
	})
	a, _ := decode(t, "{}")
	b, _ := decode(t, "{count: 3, mode: fast}")
	x, _ := Canonical(a)
	y, _ := Canonical(b)
	if string(x) != string(y) {
		t.Errorf("%s\n%s", x, y)
	}
}

// TestJSONSchema: the schema takes what Decode takes and refuses what it
// refuses.
func TestJSONSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", JSONSchema(&sample{})); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		"{density: 0.5, list: [a, {model: b, weight: [0, 1]}]}":                        true,
		"{density: [{where: layer > 1, value: 0.5}, {value: 1}], rank: {energy: 0.9}}": true,
		"{count: 4, mode: slow, flag: true, size: 5GB}":                                true,
		"{bits: 8, places: [0, 7]}":                                                    true,
		"{bits: 5}":                                                                    false,
		"{places: [1, -1]}":                                                            false,
		"{density: 0}":                                                                 false,
		"{density: [0.5, 1.5]}":                                                        false,
		"{density: [{where: layer > 1, value: 0}, {value: 1}]}":                        false,
		"{density: [{where: layer > 1, value: [0.1, 2]}, {value: 1}]}":                 false,
		"{density: true}":                                                              false,
		"{density: [0.5, true]}":                                                       false,
		"{ratio: true}":                                                                false,
		"{mode: quick}":                                                                false,
		"{count: 11}":                                                                  false,
		"{densty: 1}":                                                                  false,
		"{list: []}":                                                                   false,
		"{rank: {energy: 2}}":                                                          false,
		"{list: [{weight: 1}]}":                                                        false,
	} {
		_, problems := decode(t, text)
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(v); (err == nil) != good || (problems == nil) != good {
			t.Errorf("%s: schema %v, decode %v", text, err, problems)
		}
	}
}

func TestSuggest(t *testing.T) {
	if s := Suggest("denssity", []string{"density", "weight"}); s != "density" {
		t.Errorf("got %q", s)
	}
	if s := Suggest("xyzzy", []string{"density", "weight"}); s != "" {
		t.Errorf("got %q", s)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("{density: [{where: layer > 1, value: 0.5}], list: [a, {model: b}]}")
	f.Add("a: &a {<<: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		var doc yaml.Node
		if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
			return
		}
		s := &sample{}
		if problems := Decode(doc.Content[0], "f", "", s); problems == nil {
			if _, err := Resolve(s, Env{Layer: 1, Layers: 3, Name: "x"}); err == nil && s.Count < 1 {
				t.Error("a value out of range got through")
			}
		}
	})
}

func FuzzPredicate(f *testing.F) {
	f.Add(`kind in ["attn.q"] and layer > 0`)
	f.Add(`dtype in ["BF16", "half"] or dtype != "float32"`)
	f.Fuzz(func(t *testing.T, src string) {
		if p, problems := CompilePredicate(src, Pos{}, ""); problems == nil {
			_, _ = p.Match(Env{Name: "a", Layer: 1, Layers: 2})
		}
	})
}

// TestRanges: each number of a curve that is out of range is a problem at its
// own place.
func TestRanges(t *testing.T) {
	_, problems := decode(t, "density: [{where: layer > 1, value: [0, 1, 1.5]}, {value: 0.5}, {value: 2}]\nplaces: [3, -1, -2]\n")
	var at []Pos
	for _, p := range problems {
		p.Pos.File = ""
		at = append(at, p.Pos)
	}
	if diff := cmp.Diff([]Pos{{"", 1, 38}, {"", 1, 44}, {"", 1, 73}, {"", 2, 13}, {"", 2, 17}}, at); diff != "" {
		t.Error(problems, diff)
	}
}
