package adapter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/linalg"
	"github.com/rouxml/roux/tensor/lora"
)

type mixed struct {
	Model  schema.Ref   `yaml:"model" doc:"LoRA adapter: a model that is one, or a step"`
	Weight schema.Curve `yaml:"weight" default:"1" doc:"factor of the adapter; may be negative; 0 is the same as leaving it out"`
}

// FromScalar lets an adapter be named alone.
func (*mixed) FromScalar() string { return "model" }

type merge struct {
	Models  []mixed      `yaml:"models" check:"min=1" doc:"adapters for one base; the first gives the config"`
	Method  string       `yaml:"method" default:"svd" check:"enum=svd|linear|cat|ties|ties_svd|dare_linear|dare_linear_svd|dare_ties|dare_ties_svd|magnitude_prune|magnitude_prune_svd" doc:"how they are combined"`
	Rank    int          `yaml:"rank" check:"optional,>=1" doc:"rank of the result of the svd methods; default: the largest rank of the adapters"`
	Density schema.Curve `yaml:"density" check:"optional,>0,<=1" doc:"share of the elements that ties, dare and magnitude_prune keep"`
	Sign    string       `yaml:"majority_sign_method" default:"total" check:"enum=total|frequency" doc:"what elects a sign in ties: the sum of the values, or their count"`

	Decompose string `yaml:"decompose" default:"auto" check:"enum=auto|exact|randomized" doc:"how ties_svd and its like decompose what is no product any more: fully, or by products with a thin random matrix, which auto takes where the rank is at most a sixth of the shorter side"`
}

func init() {
	ops.Add(&Set, ops.Spec[merge]{
		Name: "adapter.merge", Version: 1,
		Summary: "Merges LoRA adapters with each other into one.",
		Doc: "The combinations of PEFT's add_weighted_adapter. With c = weight * scale of an adapter: " +
			"cat stacks c A and B, which is exact and adds up the ranks; svd is the best approximation of sum c B A at the given rank, found from the factors alone; " +
			"linear sums sign(c) sqrt|c| A and sqrt|c| B, each by itself, which keeps the rank and adds cross terms. " +
			"magnitude_prune keeps the largest elements of A and of B first (density), dare_linear random ones over density; ties and dare_ties then elect a sign for each element by the adapters' unweighted sum and average those that agree. " +
			"Their *_svd forms do all that to the products c B A and approximate the result. Modules that an adapter lacks count as zero. The result's scale is one.",
		Source:   "PEFT add_weighted_adapter; Yadav et al. 2023, TIES-Merging (arXiv:2306.01708); Yu et al. 2023, DARE (arXiv:2311.03099)",
		Example:  "op: adapter.merge\nmodels:\n  - {model: math, weight: 0.7}\n  - {model: code, weight: 0.5}\nmethod: ties_svd\ndensity: 0.4\nrank: 16\n",
		Random:   true,
		Drop:     true,
		Adapters: true,
		Check:    mergeCheck,
		Plan:     mergePlan,
		Ride:     mergeRide,
		Whole:    &ops.WholeKernel[merge]{Scope: ops.Tensor, Memory: mergeMemory, Run: mergeRun},
	})
}

// The traits of a method.
func (p *merge) svd() bool   { return strings.HasSuffix(p.Method, "svd") }
func (p *merge) dense() bool { return strings.HasSuffix(p.Method, "_svd") }
func (p *merge) ties() bool  { return strings.Contains(p.Method, "ties") }
func (p *merge) dare() bool  { return strings.HasPrefix(p.Method, "dare") }
func (p *merge) sparse() bool {
	return p.ties() || p.dare() || strings.HasPrefix(p.Method, "magnitude")
}

func mergeCheck(p *merge) []schema.Problem {
	var problems []schema.Problem
	say := func(path, msg, cure string) {
		problems = append(problems, schema.Problem{Path: path, Msg: msg, Cure: cure})
	}
	if p.Rank > 0 && !p.svd() {
		say("rank", p.Method+" has the rank that its adapters give it", "leave rank out, or take svd")
	}
	if p.sparse() && !p.Density.IsSet() {
		say("method", p.Method+" needs a density", "say density: 0.5, or take linear or svd, which keep everything")
	}
	if !p.sparse() && p.Density.IsSet() {
		say("density", p.Method+" keeps everything and takes no density", "leave density out, or take ties")
	}
	if p.Sign == "frequency" && !p.ties() {
		say("majority_sign_method", p.Method+" elects no sign", "leave it out, or take ties")
	}
	return problems
}

// What a unit of merge does; its first Arg. The scales of the adapters follow.
const (
	combine float64 = iota
	carry           // a tensor that one adapter saves whole
)

func mergePlan(p *merge, in []ops.Header) ([]ops.Unit, error) {
	plan := merging{p: p, saved: map[string]int{}}
	for port, h := range in {
		l, err := layoutOf(h)
		if err != nil {
			return nil, err
		}
		plan.layouts = append(plan.layouts, l)
		plan.names = append(plan.names, h.Name)
		plan.check(port)
	}
	if p.Rank == 0 {
		for _, l := range plan.layouts {
			for _, m := range l.Modules {
				plan.rank = max(plan.rank, m.Rank)
			}
		}
	} else {
		plan.rank = p.Rank
	}
	done := map[string]bool{}
	for _, l := range plan.layouts {
		for _, m := range l.Modules {
			if !done[m.Name] {
				done[m.Name] = true
				plan.module(m)
			}
		}
	}
	plan.carried()
	return plan.units, misfits(plan.bad, "the adapters cannot be merged by "+p.Method)
}

// merging gathers the units of one merge.
type merging struct {
	p       *merge
	layouts []*lora.Layout
	names   []string
	rank    int            // of the svd methods
	saved   map[string]int // whole tensors -> the port that has them
	units   []ops.Unit
	bad     []string
}

func (g *merging) say(format string, args ...any) {
	g.bad = append(g.bad, fmt.Sprintf(format, args...))
}

// check looks for what cannot be merged in one adapter by itself.
func (g *merging) check(port int) {
	l := g.layouts[port]
	for _, m := range l.Modules {
		switch {
		case m.Magnitude != nil:
			g.say("%s: %s is DoRA, whose magnitudes belong to one adapter alone: add it to its base with adapter.apply, and merge models", m.Name, g.names[port])
		case m.Bias != nil:
			g.say("%s: %s has a bias in lora_B: add it to its base with adapter.apply, and merge models", m.Name, g.names[port])
		case l.Config.FanInFanOut != g.layouts[0].Config.FanInFanOut && !m.Embedding && m.In == m.Out:
			g.say("%s: fan_in_fan_out differs between %s and %s", m.Name, g.names[0], g.names[port])
		}
	}
	for _, s := range l.Saved {
		if other, ok := g.saved[s.Name]; ok {
			g.say("%s: both %s and %s save it whole, and whole tensors are not merged: leave it out with where, extract with others: leave, or merge models", s.Name, g.names[other], g.names[port])
			continue
		}
		g.saved[s.Name] = port
	}
}

// module plans one module of all adapters that have it.
func (g *merging) module(first lora.Module) {
	var parts []lora.Module
	u := ops.Unit{Args: []float64{combine}}
	from := -1
	for port, l := range g.layouts {
		m, ok := l.Module(first.Name)
		if !ok {
			continue
		}
		if from < 0 {
			from = port
		}
		switch {
		case m.In != first.In || m.Out != first.Out || m.Embedding != first.Embedding:
			g.say("%s: %d x %d in %s, %d x %d in %s: they were made for different bases", m.Name, first.Out, first.In, g.names[from], m.Out, m.In, g.names[port])
			return
		case m.Rank != first.Rank && !g.p.svd() && g.p.Method != "cat":
			g.say("%s: rank %d in %s, %d in %s, and %s takes one rank: svd, cat and the *_svd methods take any", m.Name, first.Rank, g.names[from], m.Rank, g.names[port], g.p.Method)
			return
		}
		parts = append(parts, m)
		u.In = append(u.In, ops.Operand{Port: port, Name: m.A.Name}, ops.Operand{Port: port, Name: m.B.Name})
		u.Args = append(u.Args, m.Scale)
	}
	if port, ok := g.saved[first.Name+".weight"]; ok {
		g.say("%s: %s has factors for it and %s saves it whole", first.Name, g.names[from], g.names[port])
		return
	}
	rank := g.rankOf(parts)
	a, b := shape(first.A.Shape, 0, rank), shape(first.B.Shape, 1, rank)
	u.Out = []tensor.Info{
		{Name: lora.Name{Module: first.Name, Part: lora.A, Embedding: first.Embedding}.String(), DType: first.A.DType, Shape: a},
		{Name: lora.Name{Module: first.Name, Part: lora.B, Embedding: first.Embedding}.String(), DType: first.B.DType, Shape: b},
	}
	g.units = append(g.units, u)
}

// shape is a factor's with another rank.
func shape(s tensor.Shape, dim, rank int) tensor.Shape {
	out := slices.Clone(s)
	out[dim] = rank
	return out
}

func (g *merging) rankOf(parts []lora.Module) int {
	sum := 0
	for _, m := range parts {
		sum += m.Rank
	}
	switch {
	case g.p.dense():
		return min(g.rank, parts[0].In, parts[0].Out)
	case g.p.svd():
		return min(g.rank, sum, parts[0].In, parts[0].Out)
	case g.p.Method == "cat":
		return sum
	}
	return parts[0].Rank
}

// carried plans the tensors that one adapter saves whole.
func (g *merging) carried() {
	for port, l := range g.layouts {
		for _, s := range l.Saved {
			if g.saved[s.Name] != port {
				continue
			}
			g.units = append(g.units, ops.Unit{Args: []float64{carry}, In: []ops.Operand{{Port: port, Name: s.Info.Name}},
				Out: []tensor.Info{{Name: s.Info.Name, DType: s.Info.DType, Shape: s.Info.Shape}}})
		}
	}
}

// mergeRide restates the first adapter's config for the result.
func mergeRide(p *merge, in []ops.Header, out *tensor.Model) error {
	units, err := mergePlan(p, in)
	if err != nil {
		return err
	}
	var infos []tensor.Info
	for _, u := range units {
		infos = append(infos, u.Out...)
	}
	layout, err := lora.Read(in[0].Adapter, infos)
	if err != nil {
		return err
	}
	for i := range layout.Modules {
		layout.Modules[i].Scale = 1
	}
	var saved []string
	for _, s := range layout.Saved {
		saved = append(saved, s.Name)
	}
	out.Adapter, err = lora.Restate(in[0].Adapter, layout.Modules, saved, lora.BaseRoles(in[0].Roles))
	return err
}

// mergeMemory counts the stacked factors and what their decomposition takes,
// or the dense products where the method looks at their elements.
func mergeMemory(p *merge, x *ops.Pass) int64 {
	if x.Unit.Args[0] == carry {
		return 0
	}
	a, b, sum := x.Unit.Out[0].Shape, x.Unit.Out[1].Shape, 0
	inputs, outputs := a.Numel()/a[0], b[0]
	for i := 0; i < len(x.In); i += 2 {
		sum += x.In[i].Shape[0]
	}
	switch {
	case p.dense():
		dense := 4 * int64(inputs) * int64(outputs)
		masks := dense / 32 * int64(len(x.In)/2)
		return 3*dense + dense/2 + masks + linalg.TruncateMemory(outputs, inputs, a[0], linalg.Method(p.Decompose))
	case p.svd():
		r := int64(sum)
		return 40*r*int64(inputs+outputs) + linalg.Memory(sum, sum)
	}
	n := int64(a.Numel() + b.Numel())
	return 6*n + n*int64(len(x.In))/16 + 64
}
