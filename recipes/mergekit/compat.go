package mergekit

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// compatOf reads the reserved key compat, which the command line may set too.
func (c *compiler) compatOf(n *yaml.Node) {
	c.compat = c.opt.Compat != ""
	if !set(n) {
		return
	}
	if n.Value != "mergekit" {
		c.fail(n, "compat", "write compat: mergekit, or leave it out", "unknown compat %q", n.Value)
	}
	c.compat = true
}

// mergesBase says whether a base that the method has no use for is merged as
// one more model: linear and karcher do so in mergekit.
func (c *compiler) mergesBase() bool {
	return c.compat && (c.method == "linear" || c.method == "karcher")
}

// widens says whether the result is float32 whatever went in: mergekit's
// arcee_fusion multiplies by a mask of that dtype.
func (c *compiler) widens() bool {
	return c.compat && c.method == "arcee_fusion" && (c.dtype == nil || c.dtype.Value != "float64")
}

// compatFields are the params that turn an op's mended defects back on.
func (c *compiler) compatFields(j job) []schema.Pair {
	if !c.compat {
		return nil
	}
	switch c.method {
	case "breadcrumbs", "breadcrumbs_ties":
		return []schema.Pair{pair("least", number(j.at, 0))}
	}
	return nil
}

// compatHead merges the final norm and the head of only as many sources of the
// last slice as the first slice has: mergekit counts the former by the latter.
func (c *compiler) compatHead(name string, all []slicing, where string) string {
	first, last := all[0], all[len(all)-1]
	n := len(first.sources)
	if !c.compat || len(last.sources) <= n {
		return name
	}
	base := last.base
	if base >= n {
		if methods()[c.method].takesBase() {
			c.fail(last.node, "slices", "list the base earlier, or leave out compat: mergekit", "mergekit merges the final norm and the head of the first %d sources only, without the base, and stops", n)
			return name
		}
		base = -1
	}
	head := c.merge(fmt.Sprintf("slice%d-head", len(all)-1), last.node, last.sources[:n], base, last.levels, where)
	at := last.node
	models := sequence(at, []*yaml.Node{
		mapping(at, pair("model", word(at, head.name)), pair("where", word(at, `layer < 0 and kind in ["norm", "head"]`))),
		word(at, name),
	})
	return c.step(c.fresh("stacked-head"), at, "edit.choose", pair("base", word(at, name)), pair("models", models))
}
