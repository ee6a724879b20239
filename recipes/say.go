package recipes

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/recipes/mergekit"
)

// inMergekit is the recipe as a mergekit file, or nil when that language has no
// words for it: one output of one merge of models, perhaps with casts before and
// behind it.
func (p *parser) inMergekit(models *yaml.Node) []byte {
	if len(p.r.Outputs) != 1 || p.r.Outputs[0].Format != "safetensors" || slices.ContainsFunc(p.r.Models, func(m Model) bool { return m.Recipe != nil || m.Architecture != "" }) {
		return nil
	}
	out := p.r.Outputs[0]
	s := mergekit.Step{OutDType: out.DType}
	last, used := out.From.Name, 1
	if model, dtype, ok := p.cast(last); ok && s.OutDType == "" {
		last, s.OutDType, used = model, dtype, 2
	}
	r, ok := p.raw[last]
	if !ok || !unbound(r) {
		return nil
	}
	s.Op, s.Fields = r.own["op"].Value, r.rest
	casts, inputs := map[string]string{}, map[string]bool{}
	s.Model = func(name string) (string, bool) {
		inputs[name] = true
		if model, dtype, ok := p.cast(name); ok {
			casts[name], name = dtype, model
		}
		n := valueOf(models, name)
		if n == nil {
			return "", false
		}
		return textOf(n), true
	}
	if _, ok := mergekit.Say(s); !ok { // to see what goes in
		return nil
	}
	for name := range inputs {
		s.DType = casts[name]
	}
	for name := range inputs {
		if casts[name] != s.DType {
			return nil
		}
	}
	if used+len(casts) != len(p.r.Steps) {
		return nil
	}
	text, _ := mergekit.Say(s)
	return text
}

// unbound says whether a step has no key of the language that mergekit lacks.
func unbound(r rawStep) bool {
	for key := range r.own {
		if !slices.Contains([]string{"op", "note", "cache", "allow_empty"}, key) {
			return false
		}
	}
	return r.own["op"] != nil
}

// cast says what a step casts, if that is all that it does.
func (p *parser) cast(name string) (model, dtype string, ok bool) {
	r, ok := p.raw[name]
	if !ok || !unbound(r) || r.own["op"].Value != "edit.cast" {
		return "", "", false
	}
	i := slices.IndexFunc(p.r.Steps, func(s Step) bool { return s.Name == name })
	d := valueOf(r.rest, "dtype")
	if i < 0 || len(p.r.Steps[i].Inputs) != 1 || d == nil {
		return "", "", false
	}
	return p.r.Steps[i].Inputs[0].Name, d.Value, true
}

// textOf is a model as mergekit names it.
func textOf(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	part := func(key string) string {
		if v := valueOf(n, key); v != nil {
			return v.Value
		}
		return ""
	}
	text := withRevision(part("path"), part("revision"))
	if adapter := part("adapter"); adapter != "" {
		text += "+" + withRevision(adapter, part("adapter_revision"))
	}
	return text
}
