package mergekit

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Parts of models of several kinds of input, by words in their tensors' names.
const (
	projector = `(?i)projector|visual\.merger|deepstack_merger|connector`
	eyes      = `(?i)vision|visual|image`
	foreign   = `(?i)vision|visual|image|img|pixel|audio|speech|sound|talker|vqmodel|projector|mtp\.`
)

// moduleOf is which tensors a module of mergekit's holds. "default" holds those
// that no other module of the file does, and a name that is not one of
// mergekit's own is what the tensors' names begin with, as where mergekit
// infers modules.
func moduleOf(name string) string {
	switch name {
	case "default":
		return ""
	case "text_decoder":
		return fmt.Sprintf("not (name matches %q)", foreign)
	case "multi_modal_projector":
		return fmt.Sprintf("name matches %q", projector)
	case "vision_tower", "vision_model":
		return fmt.Sprintf("name matches %q and not (name matches %q)", eyes, projector)
	case "encoder", "decoder":
		return fmt.Sprintf("name matches %q", `(^|\.)`+name+`\.`)
	case "shared":
		return fmt.Sprintf("name matches %q", `^(shared|lm_head)\.`)
	}
	return fmt.Sprintf("name startsWith %q", name)
}

// towerOf is which layers a module's slices stack, in resize.stack's words;
// ok says that it has any.
func towerOf(name string) (tower string, ok bool) {
	switch name {
	case "multi_modal_projector", "shared":
		return "", false
	case "vision_tower", "vision_model":
		return "vis", true
	case "default", "text_decoder":
		return "", true
	}
	return strings.TrimSuffix(name, "."), true
}

// part is one module on its way.
type part struct {
	key   *yaml.Node
	where string
	merged
}

// modular merges modules one by one and takes each tensor from its own. What no
// module of the file holds comes unmerged from the base, or from the first
// model; mergekit leaves it out.
func (c *compiler) modular(n *yaml.Node) string {
	pairs, problems := schema.Pairs(n, c.file, "modules")
	c.problems = append(c.problems, problems...)
	if n.Kind != yaml.MappingNode {
		c.fail(n, "modules", "write modules: {text_decoder: {models: [...]}}", "want a mapping of modules")
		return ""
	}
	var parts []part
	rest := part{key: n}
	for _, p := range pairs {
		m := c.module(p, "modules."+p.Key.Value)
		if m.where == "" {
			rest = m
		} else {
			parts = append(parts, m)
		}
	}
	if c.problems != nil {
		return ""
	}
	return c.assemble(n, parts, rest)
}

func (c *compiler) module(p schema.Pair, path string) part {
	m := part{key: p.Key, where: moduleOf(p.Key.Value)}
	c.keys(p.Value, path, []string{"models", "slices", "parameters"})
	c.parameters(get(p.Value, "parameters"), c.allParams())
	models, list := get(p.Value, "models"), get(p.Value, "slices")
	inner := []level{{params: get(p.Value, "parameters")}}
	name := strings.Trim(unfit().ReplaceAllString(p.Key.Value, "_"), "_-")
	given, sliced := set(models) && !empty(models), set(list) && !empty(list)
	tower, layered := towerOf(p.Key.Value)
	switch {
	case given == sliced:
		c.fail(p.Key, path, "give a module one of them", "a module has either models or slices")
	case given:
		m.merged = c.whole(models, path+".models", "merged-"+name, inner, m.where)
	case !layered:
		c.fail(list, path+".slices", "merge it with models", "%s has no layers to slice", p.Key.Value)
	default:
		c.tower = tower
		m.merged = c.sliced(list, path+".slices", inner, m.where)
		c.tower, c.restacked = "", m.merged
	}
	return m
}

// allParams lists the parameters of the method.
func (c *compiler) allParams() []string {
	m := methods()[c.method]
	var names []string
	for _, p := range slices.Concat(m.perModel, m.curves, m.flags) {
		names = append(names, p.name)
	}
	return append(names, m.whole...)
}

// assemble takes each tensor from its module's merge.
func (c *compiler) assemble(n *yaml.Node, parts []part, rest part) string {
	if parts == nil {
		return c.ridden(rest.merged)
	}
	if rest.name == "" {
		rest.donor = parts[0].donor
		if c.base != nil {
			rest.donor = c.reference(c.base, c.base)
		}
		rest.name = c.load(rest.donor, n)
	}
	list := sequence(n, nil)
	for _, p := range parts {
		list.Content = append(list.Content, mapping(p.key, pair("model", word(p.key, p.name)), pair("where", word(p.key, p.where)), pair("needed", boolean(p.key, true))))
	}
	list.Content = append(list.Content, word(n, rest.name))
	donor := parts[0].donor
	fields := []schema.Pair{pair("models", list)}
	// The last stacked module has a config that counts the layers of all.
	if c.restacked.name != "" {
		donor = c.restacked.donor
		fields = slices.Insert(fields, 0, pair("base", word(n, c.restacked.name)))
	}
	return c.ridden(merged{c.step(c.fresh("modules"), n, "edit.choose", fields...), donor})
}
