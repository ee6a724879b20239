package arch

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/tensor"
)

// stateDicts are names and shapes of tiny random models that transformers 5
// made, by model_type.
func stateDicts(t *testing.T) map[string]map[string][]int {
	t.Helper()
	text, err := os.ReadFile("testdata/state_dicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string][]int
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFamilies: every tensor of every family has its layer and kind from data,
// and inference from names alone agrees where it matters.
func TestFamilies(t *testing.T) {
	all := stateDicts(t)
	if len(all) < 15 {
		t.Errorf("only %d families", len(all))
	}
	for family, dict := range all {
		var infos []tensor.Info
		for name, shape := range dict {
			infos = append(infos, tensor.Info{Name: name, DType: tensor.F32, Shape: shape})
		}
		known, err := Resolve([]byte(fmt.Sprintf(`{"model_type":%q}`, family)), infos)
		if err != nil {
			t.Fatal(err)
		}
		if known.inferred || known.Layers() != 2 {
			t.Errorf("%s: inferred %v, %d layers", family, known.inferred, known.Layers())
		}
		guess, err := Resolve([]byte(`{"model_type":"unheard_of"}`), infos)
		if err != nil || len(guess.Notes()) != 1 {
			t.Errorf("%s: notes %v, %v", family, guess.Notes(), err)
		}
		for _, info := range infos {
			role := known.Role(info.Name, info.Shape)
			if role.Kind == tensor.Other {
				t.Errorf("%s: %s is other", family, info.Name)
			}
			if g := guess.Role(info.Name, info.Shape); g.Layer != role.Layer {
				t.Errorf("%s: %s is in layer %d, inferred %d", family, info.Name, role.Layer, g.Layer)
			}
		}
	}
}

// TestEditConfig changes what the headers contradict and nothing else.
func TestEditConfig(t *testing.T) {
	config := "{\n  \"model_type\": \"qwen2\",\n  \"rope_theta\": 1e6,\n  \"num_hidden_layers\": 2,\n  \"layer_types\": [\"full\", \"slide\"],\n  \"vocab_size\": 64,\n  \"tie_word_embeddings\": true,\n  \"torch_dtype\": \"float32\"\n}\n"
	a, err := Resolve([]byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	tied := false
	got, err := a.EditConfig([]byte(config), Facts{Layers: 3, Vocab: 80, DType: tensor.BF16, Tied: &tied})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"model_type\": \"qwen2\",\n  \"rope_theta\": 1e6,\n  \"num_hidden_layers\": 3,\n  \"layer_types\": [\"full\", \"slide\", \"full\"],\n  \"vocab_size\": 80,\n  \"tie_word_embeddings\": false,\n  \"torch_dtype\": \"bfloat16\"\n}\n"
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	same, err := a.EditConfig([]byte(config), Facts{Layers: 2, Vocab: 64, DType: tensor.F32})
	if err != nil || string(same) != config {
		t.Errorf("%s %v", same, err)
	}
	nested := `{"model_type":"gemma3","text_config":{"num_hidden_layers":2}}`
	g, err := Resolve([]byte(nested), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := g.EditConfig([]byte(nested), Facts{Layers: 4}); err != nil || string(got) != `{"model_type":"gemma3","text_config":{"num_hidden_layers":4}}` {
		t.Errorf("%s %v", got, err)
	}
}

// TestTied: the config decides, then the family, and a head tensor settles it.
func TestTied(t *testing.T) {
	head := []tensor.Info{{Name: "lm_head.weight", Shape: tensor.Shape{4, 4}}}
	for _, c := range []struct {
		config string
		infos  []tensor.Info
		want   bool
	}{
		{`{"model_type":"llama"}`, nil, false},
		{`{"model_type":"llama","tie_word_embeddings":true}`, nil, true},
		{`{"model_type":"llama","tie_word_embeddings":true}`, head, false},
		{`{"model_type":"gemma2"}`, nil, true},
	} {
		a, err := Resolve([]byte(c.config), c.infos)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Tied([]byte(c.config), c.infos); got != c.want {
			t.Errorf("%s with %d heads: %v", c.config, len(c.infos), got)
		}
	}
}

func FuzzEditConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"llama","num_hidden_layers":2,"a":{"b":[1,{"c":"}"}]}}`))
	f.Fuzz(func(t *testing.T, config []byte) {
		a, err := Resolve(config, nil)
		if err != nil {
			return
		}
		got, err := a.EditConfig(config, Facts{Layers: 7, DType: tensor.BF16})
		var m map[string]json.RawMessage
		if err == nil && json.Unmarshal(got, &m) != nil {
			t.Errorf("%q became %q, which is no JSON", config, got)
		}
		if err == nil && !slices.Contains([]string{`"bfloat16"`}, string(m["dtype"])) && string(m["torch_dtype"]) != `"bfloat16"` {
			t.Errorf("%q became %q, without the dtype", config, got)
		}
	})
}
