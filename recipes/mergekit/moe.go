package mergekit

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// isMoE says whether the document is a file of mergekit-moe.
func isMoE(root *yaml.Node) bool {
	return get(root, "experts") != nil && get(root, "base_model") != nil && get(root, "roux") == nil && get(root, "merge_method") == nil
}

var (
	moeKeys    = []string{"base_model", "experts", "gate_mode", "dtype", "experts_per_token", "shared_experts", "architecture"}
	expertKeys = []string{"source_model", "positive_prompts", "negative_prompts", "noise_scale", "residual_scale"}
	gateModes  = []string{"random", "uniform_random", "cheap_embed", "hidden", "hidden_avg", "hidden_last"}
)

// moe compiles a file of mergekit-moe: one step over models in its dtype. It
// returns the step's name.
func (c *compiler) moe() string {
	c.keys(c.root, "", moeKeys)
	if d := get(c.root, "dtype"); set(d) {
		c.dtype = c.dtypeOf(d)
	}
	base := get(c.root, "base_model")
	fields := []schema.Pair{pair("base", word(base, c.load(c.reference(base, c.root), base)))}
	for _, key := range []string{"experts", "shared_experts"} {
		if n := get(c.root, key); set(n) {
			fields = append(fields, pair(key, c.moeExperts(n, key)))
		}
	}
	fields = append(fields, pair("gate_mode", c.gateMode()))
	if n := get(c.root, "experts_per_token"); set(n) {
		fields = append(fields, pair("experts_per_token", n))
	}
	if n := get(c.root, "architecture"); set(n) {
		fields = append(fields, pair("family", c.moeFamily(n)))
	} else if c.sharedPrompts() {
		fields = append(fields, pair("family", word(c.root, "qwen2_moe")))
	}
	if c.problems != nil {
		return ""
	}
	c.onlyOne()
	return c.step(c.fresh("mixture"), c.root, "moe.from_dense", fields...)
}

func (c *compiler) moeExperts(list *yaml.Node, key string) *yaml.Node {
	if list.Kind != yaml.SequenceNode {
		c.fail(list, key, "write "+key+": [{source_model: PATH, positive_prompts: [TEXT]}]", "want a list")
		return list
	}
	var out []*yaml.Node
	for i, item := range list.Content {
		item = deref(item)
		c.keys(item, fmt.Sprintf("%s[%d]", key, i), expertKeys)
		source := get(item, "source_model")
		if !set(source) {
			c.fail(item, key, "write source_model: PATH", "missing key %q", "source_model")
			continue
		}
		e := mapping(item, pair("model", word(item, c.load(c.reference(source, item), item))))
		for _, name := range expertKeys[1:] {
			if v := get(item, name); set(v) && !c.promptsUnused(name) {
				add(e, name, v)
			}
		}
		out = append(out, e)
	}
	return sequence(list, out)
}

// promptsUnused: prompts are asked for by mergekit whatever the routers are
// made of, and mean nothing to random ones.
func (c *compiler) promptsUnused(name string) bool {
	mode := get(c.root, "gate_mode")
	return strings.HasSuffix(name, "_prompts") && set(mode) && strings.HasSuffix(mode.Value, "random")
}

// sharedPrompts says whether a shared expert has prompts: mergekit then makes
// the one family in which it has a gate.
func (c *compiler) sharedPrompts() bool {
	list := get(c.root, "shared_experts")
	return set(list) && slices.ContainsFunc(list.Content, func(item *yaml.Node) bool { return set(get(item, "positive_prompts")) })
}

// gateMode is what the file says, or what mergekit-moe does without it.
func (c *compiler) gateMode() *yaml.Node {
	n := get(c.root, "gate_mode")
	if !set(n) {
		return word(c.root, "hidden")
	}
	if !slices.Contains(gateModes, n.Value) {
		c.fail(n, "gate_mode", schema.DidYouMean(n.Value, gateModes), "unknown gate_mode %q", n.Value)
	}
	return n
}

// moeFamilies are the names that mergekit-moe compares the beginning of, in
// its order.
var moeFamilies = []struct{ name, family string }{
	{"mixtral", "mixtral"}, {"deepseek moe", "deepseek"}, {"qwen moe", "qwen2_moe"}, {"qwen3 moe", "qwen3_moe"},
}

func (c *compiler) moeFamily(n *yaml.Node) *yaml.Node {
	var fits []string
	for _, f := range moeFamilies {
		if strings.HasPrefix(f.name, strings.ToLower(n.Value)) {
			fits = append(fits, f.family)
		}
	}
	switch len(fits) {
	case 0:
		c.fail(n, "architecture", "use mixtral, deepseek, qwen or qwen3", "unknown architecture %q", n.Value)
		return n
	case 1:
		return word(n, fits[0])
	}
	return word(n, "auto") // "qwen" is either, which the models decide
}

// onlyOne notes what mergekit-moe asks a flag for.
func (c *compiler) onlyOne() {
	var first string
	list := get(c.root, "experts").Content
	for i, item := range list {
		ref := c.reference(get(deref(item), "source_model"), item)
		if i > 0 && ref != first {
			return
		}
		first = ref
	}
	if len(list) > 1 {
		c.notes = append(c.notes, fmt.Sprintf("%s: all experts are %s: until it is trained the mixture gives what that model gives", schema.NodePos(get(c.root, "experts"), c.file), first))
	}
}
