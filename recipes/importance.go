package recipes

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Paths is the name of a file, or several.
type Paths []string

// DecodeYAML reads a name or a list of names.
func (p *Paths) DecodeYAML(n *yaml.Node, file, path string) schema.Problems {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for _, item := range list {
		if item.Kind != yaml.ScalarNode || item.Value == "" {
			return schema.Problems{{Pos: schema.NodePos(item, file), Path: path, Msg: "want the name of a file, found " + describe(item), Cure: "write PATH, or [PATH, PATH]"}}
		}
		*p = append(*p, item.Value)
	}
	if *p == nil {
		return schema.Problems{{Pos: schema.NodePos(n, file), Path: path, Msg: "the list is empty", Cure: "write PATH, or [PATH, PATH]"}}
	}
	return nil
}

// TypeName is what help calls the type.
func (Paths) TypeName() string { return "path or list of paths" }

// JSONSchema describes the YAML form.
func (Paths) JSONSchema() map[string]any {
	one := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one, "minItems": 1}}}
}

// importance finds the files of an entry that is an importance matrix.
func (p *parser) importance(n *yaml.Node, path string, d *Data) bool {
	for _, pair := range p.pairs(n, path, "") {
		if pair.Key.Value != "imatrix" {
			p.fail(pair.Key, path+"."+pair.Key.Value, "remove it", "%s means nothing for an importance matrix, which holds what its own texts came to", pair.Key.Value)
			return false
		}
	}
	at := []*yaml.Node{valueOf(n, "imatrix")}
	if at[0].Kind == yaml.SequenceNode {
		at = at[0].Content
	}
	for i, name := range d.Imatrix {
		d.Imatrix[i] = p.local(name)
		if !exists(d.Imatrix[i]) {
			p.fail(at[i], path+".imatrix", beside(d.Imatrix[i]), "%s does not exist", d.Imatrix[i])
			return false
		}
	}
	return true
}

// statistics checks an output that is no model but what its layers met.
func (p *parser) statistics(n *yaml.Node, path string, o *OutputParams) {
	is := o.Format == "imatrix"
	switch {
	case is && o.Calibrate.Name == "":
		p.fail(n, path, "add calibrate: NAME of an entry of data", "an importance matrix is about a text, and none is named")
	case !is && o.Calibrate.Name != "":
		p.fail(valueOf(n, "calibrate"), path+".calibrate", "remove it, or say format: imatrix", "calibrate means nothing for format %s", o.Format)
	case is:
		for _, pair := range p.pairs(n, path, "") {
			if slices.Contains([]string{"dtype", "shard_size", "card", "nan"}, pair.Key.Value) {
				p.fail(pair.Key, path+"."+pair.Key.Value, "remove it", "%s means nothing for an importance matrix", pair.Key.Value)
			}
		}
	}
	if o.Calibrate.Name != "" {
		p.readsData(path, &Step{Params: o})
		p.loose[o.Calibrate.Name] = true // it is used
	}
}
