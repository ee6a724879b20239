package chat

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testdata/golden.json holds templates written for this test and what
// transformers 5.24 renders them to (testdata/golden.py).
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Templates     map[string]string
		Conversations map[string]map[string]json.RawMessage
		Cases         []struct {
			Template, Conversation, Want, Error string
			Generate                            bool
		}
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Cases {
		in := Input{Generate: c.Generate, Tokens: map[string]string{"bos_token": "<s>", "eos_token": "</s>"}, Extra: map[string]json.RawMessage{}, Now: time.Date(2024, 7, 6, 5, 4, 3, 0, time.UTC)}
		for name, v := range g.Conversations[c.Conversation] {
			switch name {
			case "messages":
				in.Messages = v
			case "tools":
				in.Tools = v
			default:
				in.Extra[name] = v
			}
		}
		got, err := Render(g.Templates[c.Template], in)
		name := c.Template + " " + c.Conversation
		switch {
		case c.Error != "" && (err == nil || !strings.Contains(err.Error(), c.Error)):
			t.Errorf("%s: error %v, want %q", name, err, c.Error)
		case c.Error == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.Error == "":
			if d := cmp.Diff(c.Want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	}
}

func TestHostileTemplatesAreErrors(t *testing.T) {
	for name, template := range map[string]string{
		"files":         `{% include "/etc/passwd" %}`,
		"import":        `{% import "/etc/passwd" as x %}`,
		"multiply":      `{{ "a" * 1000000000 }}`,
		"doubling":      `{% set ns = namespace(s="aaaaaaaaaaaaaaaa") %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`,
		"doubling list": `{% set ns = namespace(s=[1,2]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}`,
		"recursion":     `{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}`,
		"range":         `{% for i in range(1000000000) %}{% endfor %}`,
		"output":        `{% set s = "a" | replace("a", "0123456789") %}{% for i in range(100000) %}{% for j in range(100000) %}{{ "` + strings.Repeat("x", 1000) + `" }}{% endfor %}{% endfor %}`,
		"replace":       `{% set s = "` + strings.Repeat("a", 3000) + `" %}{{ s.replace("a", s).replace("a", s) }}`,
		"brackets":      `{{ ` + strings.Repeat("(", 100000) + ` }}`,
		"members":       `{{ messages` + strings.Repeat(".b", 100000) + ` }}`,
		"indices":       `{{ messages` + strings.Repeat("[0]", 80000) + ` }}`,
		"last":          `{{ messages` + strings.Repeat("[-1]", 60000) + ` }}`,
		"calls":         `{{ messages` + strings.Repeat("()", 100000) + ` }}`,
		"batch":         `{{ [1] | batch(1000000, 0) | first | length }}`,
		"slice":         `{{ [1] | slice(1000000, 0) | list | length }}`,
		"length":        strings.Repeat("a", maxTemplate+1),
		"not closed":    "a\n{% if x",
		"no such tag":   `{% exec "x" %}`,
		"under":         `{% set ns = namespace(_x=1) %}`,
		"lone end":      `{% endfor %}`,
		"by zero":       `{{ 1 % 0 }}`,
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Render(template, Input{Messages: json.RawMessage(`[]`)})
			if err == nil {
				t.Errorf("no error but %d bytes: %.100q", len(out), out)
			} else if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestGapsAreErrors: what gonja would print otherwise than Jinja, or print where
// Jinja raises, is never in a prompt.
func TestGapsAreErrors(t *testing.T) {
	messages := `[{"role":"user","content":null,"parts":[{"type":"text","text":"x"}],"map":{"b":1,"a":2}}]`
	for template, want := range map[string]error{
		`{{ messages[0].content }}`:                             errNone,
		`{{ messages[0].content | trim }}`:                      errNone,
		`{{ 'a' ~ messages[0].content }}`:                       errNone,
		`{{ messages[0].content ~ 'a' }}`:                       errNone,
		`{{ messages[0].content if true else 'x' }}`:            errNone,
		`{{ 'a' + messages[0].content }}`:                       errMissing,
		`{{ messages[0].absent + 'a' }}`:                        errMissing,
		`{% set x = 'a' + 'b' + messages[0].absent %}`:          errMissing,
		`{{ ('a' + messages[0].absent) }}`:                      errMissing,
		`{{ messages[0].parts }}`:                               errPrinted,
		`{{ 'a' + messages[0].parts }}`:                         errPrinted,
		`{{ messages[0].map | trim }}`:                          errPrinted,
		`{% for d in documents %}{{ d }}{% endfor %}`:           errLooped,
		`{% for d in messages[0].content %}{{ d }}{% endfor %}`: errLooped,
	} {
		out, err := Render(template, Input{Messages: json.RawMessage(messages)})
		if !errors.Is(err, want) {
			t.Errorf("%s: %q, %v; want %v", template, out, err, want)
		}
	}
}

func TestBadJSON(t *testing.T) {
	for _, s := range []string{`[`, `[{"a":1}`, `{"a" 1}`, `[] []`, strings.Repeat("[", 2000), `nul`} {
		if _, err := Render("x", Input{Messages: json.RawMessage(s)}); err == nil {
			t.Errorf("%.20s: no error", s)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add(`{% for m in messages %}{{ (m.role if m else 'x')[-1] }}{% endfor %}`)
	f.Add(`{{ messages | tojson(indent=2) }}{# x #}{% set a = {'b': [1, 2.5]} %}`)
	f.Fuzz(func(t *testing.T, template string) {
		_, _ = Render(template, Input{Messages: json.RawMessage(`[{"role":"user","content":"a"}]`)})
	})
}
