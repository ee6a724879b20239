package adapter

import (
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

// leftOut says that nothing of the adapter counts.
func (m mixed) leftOut() bool { return m.Weight.Constant() && m.Weight.Value() == 0 }

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
			"Their *_svd forms do all that to the products c B A and approximate the result. Modules that an adapter lacks count as zero; tensors that one adapter saves whole are carried as they are, whatever its weight but 0. The result's scale is one.",
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
	out.Adapter, err = restated(in[0].Adapter, infos, lora.BaseRoles(in[0].Roles))
	return err
}

// restated is an adapter's config that says of its tensors what these are, at a
// scale of 1.
func restated(config []byte, infos []tensor.Info, base tensor.Roles) ([]byte, error) {
	layout, err := lora.Read(config, infos)
	if err != nil {
		return nil, err
	}
	for i := range layout.Modules {
		layout.Modules[i].Scale = 1
	}
	var saved []string
	for _, s := range layout.Saved {
		saved = append(saved, s.Name)
	}
	return lora.Restate(config, layout.Modules, saved, base)
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
