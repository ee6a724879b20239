// Package dag is a small graph of named nodes, and its pictures. It knows no
// tensors.
package dag

import (
	"fmt"
	"slices"
	"strings"
)

// Node is one thing with what it needs.
type Node struct {
	ID, Label string
	Kind      string // model, step, measure or output
	Needs     []string
}

// Graph keeps nodes in the order in which they were added.
type Graph struct{ nodes []Node }

// New returns an empty graph.
func New() *Graph { return &Graph{} }

// Add appends a node. A node that needs another twice has one edge.
func (g *Graph) Add(n Node) {
	var needs []string
	for _, need := range n.Needs {
		if !slices.Contains(needs, need) {
			needs = append(needs, need)
		}
	}
	n.Needs = needs
	g.nodes = append(g.nodes, n)
}

func (g *Graph) id(name string) string {
	i := slices.IndexFunc(g.nodes, func(n Node) bool { return n.ID == name })
	return fmt.Sprintf("n%d", i)
}

// shapes are how Mermaid draws each kind.
var shapes = map[string][2]string{"model": {"[(", ")]"}, "step": {"[", "]"}, "measure": {"{{", "}}"}, "output": {"[/", "/]"}}

// Mermaid draws the graph as a Mermaid flowchart.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, n := range g.nodes {
		shape, ok := shapes[n.Kind]
		if !ok {
			shape = shapes["step"]
		}
		label := strings.NewReplacer(`"`, "#quot;", "\n", "<br/>").Replace(n.Label)
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", g.id(n.ID), shape[0], label, shape[1])
	}
	for _, n := range g.nodes {
		for _, need := range n.Needs {
			fmt.Fprintf(&b, "  %s --> %s\n", g.id(need), g.id(n.ID))
		}
	}
	return b.String()
}

// DOT draws the graph for Graphviz.
func (g *Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph roux {\n  rankdir=LR;\n")
	for _, n := range g.nodes {
		fmt.Fprintf(&b, "  %s [label=%q];\n", g.id(n.ID), n.Label)
	}
	for _, n := range g.nodes {
		for _, need := range n.Needs {
			fmt.Fprintf(&b, "  %s -> %s;\n", g.id(need), g.id(n.ID))
		}
	}
	b.WriteString("}\n")
	return b.String()
}
