package tokenizer

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

type chatTemplate struct {
	Model    schema.Ref   `yaml:"model" previous:"" doc:"model that gets the template"`
	Template string       `yaml:"template" doc:"auto, a built-in name (alpaca, chatml, exaone, llama3, mistral), or the Jinja text itself"`
	Models   []schema.Ref `yaml:"models" check:"optional" doc:"models among which auto looks for the most frequent template; default: model alone"`
}

//go:embed templates/*.jinja
var templates embed.FS

func init() {
	ops.Add(&Set, ops.Spec[chatTemplate]{
		Name: "tokenizer.chat_template", Version: 1,
		Summary: "Sets the chat template that is written with a model.",
		Doc: "Weights stay as they are. With auto the template that most of models have is taken, the first of them where as many have another; " +
			"when none has one, nothing changes. The template is written as chat_template.jinja.",
		Source:  "mergekit's chat_template option",
		Example: "op: tokenizer.chat_template\nmodel: merged\ntemplate: chatml\n",
		Check:   templateCheck,
		Ride:    templateRide,
		Select: func(_ *chatTemplate, in []ops.Header) ([]ops.Pick, error) {
			picks := make([]ops.Pick, len(in[0].Infos))
			for i, info := range in[0].Infos {
				picks[i] = ops.Pick{Name: info.Name, From: ops.Operand{Name: info.Name}}
			}
			return picks, nil
		},
	})
}

// builtin returns a built-in template, or false.
func builtin(name string) (string, bool) {
	text, err := templates.ReadFile("templates/" + name + ".jinja")
	return string(text), err == nil
}

func builtins() []string {
	entries, _ := templates.ReadDir("templates") // embedded
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".jinja")
	}
	return names
}

func templateCheck(p *chatTemplate) []schema.Problem {
	if _, ok := builtin(p.Template); ok || p.Template == "auto" {
		return nil
	}
	switch {
	case !strings.Contains(p.Template, "{") && !strings.Contains(p.Template, "\n"):
		return []schema.Problem{{Path: "template", Msg: fmt.Sprintf("%q is no built-in chat template and no Jinja text", p.Template), Cure: schema.DidYouMean(p.Template, append(builtins(), "auto"))}}
	case len(p.Template) < 20 || !strings.Contains(p.Template, "{"):
		return []schema.Problem{{Path: "template", Msg: fmt.Sprintf("%q is too short for a chat template, or says nothing of the messages", p.Template)}}
	}
	return nil
}

func templateRide(p *chatTemplate, in []ops.Header, out *tensor.Model) error {
	text, ok := builtin(p.Template)
	if !ok {
		text = p.Template
	}
	if p.Template == "auto" {
		var err error
		if text, err = commonTemplate(in[min(1, len(in)-1):]); err != nil {
			return err
		}
		if text == "" {
			out.Notes = append(out.Notes, "none of the models has a chat template: none is written")
			return nil
		}
	}
	out.Files = slices.DeleteFunc(slices.Clone(out.Files), func(f tensor.File) bool { return f.Name == templateFile })
	out.Files = append(out.Files, tensor.File{Name: templateFile, Data: []byte(text)})
	slices.SortFunc(out.Files, func(a, b tensor.File) int { return strings.Compare(a.Name, b.Name) })
	return editFile(out, configFile, func(config []byte) []byte { return jsontext.Drop(config, "chat_template") })
}

const (
	templateFile = "chat_template.jinja"
	configFile   = "tokenizer_config.json"
)

// commonTemplate is the template that most of the models have, the first of
// those that as many have.
func commonTemplate(in []ops.Header) (string, error) {
	counts := map[string]int{}
	var order []string
	for _, h := range in {
		text, err := templateOf(h)
		if err != nil {
			return "", fmt.Errorf("%s: %w", h.Name, err)
		}
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if counts[text]++; counts[text] == 1 {
			order = append(order, text)
		}
	}
	best := ""
	for _, text := range order {
		if counts[text] > counts[best] {
			best = text
		}
	}
	return best, nil
}

// templateOf reads a model's template: from its own file, or where older files
// keep it. It is empty when there is none.
func templateOf(h ops.Header) (string, error) {
	if text, err := fileOf(h, templateFile); err != nil || text != nil {
		return string(text), err
	}
	config, err := fileOf(h, configFile)
	raw := member(config, "chat_template")
	if err != nil || raw == nil {
		return "", err
	}
	var one *string
	if json.Unmarshal(raw, &one) == nil {
		if one == nil {
			return "", nil
		}
		return *one, nil
	}
	var many []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &many); err != nil {
		return "", errors.New("tokenizer_config.json: chat_template is no text and no list of named ones")
	}
	for _, t := range many {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", nil
}

// fileOf reads a file that rides along; nil when there is none.
func fileOf(h ops.Header, name string) ([]byte, error) {
	for _, f := range h.Files {
		if f.Name == name {
			return f.Read(maxConfig)
		}
	}
	return nil, nil
}
