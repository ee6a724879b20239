package moe

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type fromDense struct {
	Base            schema.Ref `yaml:"base" doc:"model that gives attention, norms, embeddings, config and tokenizer"`
	Experts         []expert   `yaml:"experts" check:"min=1" doc:"models whose MLPs become the experts"`
	Shared          []expert   `yaml:"shared_experts" check:"optional" doc:"model whose MLPs see every token; one, for deepseek and qwen2_moe"`
	Family          string     `yaml:"family" default:"auto" check:"enum=auto|mixtral|qwen2_moe|qwen3_moe|deepseek" doc:"family of the result; auto takes the first that fits"`
	GateMode        string     `yaml:"gate_mode" check:"enum=random|uniform_random|cheap_embed|hidden|hidden_avg|hidden_last" doc:"routers: normal draws, uniform draws of a new linear layer, the mean embedding of each expert's prompts, or the hidden states that the base has of them: of the last token (hidden, hidden_last) or the mean of all (hidden_avg)"`
	ExpertsPerToken int        `yaml:"experts_per_token" default:"2" check:">=1" doc:"experts that each token goes through"`
}

// expert is a model whose MLPs become an expert in every layer.
type expert struct {
	Model           schema.Ref `yaml:"model" doc:"model to take MLPs from"`
	PositivePrompts []string   `yaml:"positive_prompts" check:"optional" doc:"prompts that should be routed to the expert"`
	NegativePrompts []string   `yaml:"negative_prompts" check:"optional" doc:"prompts that should not"`
	PositiveTokens  [][]int    `yaml:"positive_tokens" check:"optional,>=0" doc:"token ids in place of positive_prompts"`
	NegativeTokens  [][]int    `yaml:"negative_tokens" check:"optional,>=0" doc:"token ids in place of negative_prompts"`
	NoiseScale      float64    `yaml:"noise_scale" default:"0" check:">=0" doc:"standard deviation of normal noise that is added"`
	ResidualScale   float64    `yaml:"residual_scale" default:"1" doc:"factor of the down projection"`
}

// FromScalar lets a model be named alone.
func (*expert) FromScalar() string { return "model" }

func (e expert) prompted() bool { return len(e.PositivePrompts) > 0 || len(e.PositiveTokens) > 0 }

func init() {
	ops.Add(&Set, ops.Spec[fromDense]{
		Name: "moe.from_dense", Version: 1,
		Summary: "Makes a mixture of experts of dense models.",
		Doc: "Every layer gets the MLPs of all experts and a router; all else is the base's. Experts are in the base's dtype and laid out one by one, as all tools read them; " +
			"moe.stack fuses them. A router's row is, for cheap_embed, s / |s| with s = p / |p| - n / |n|, where p and n are the sums of the base's embeddings of the positive and negative prompts' tokens, the same in every layer; " +
			"for hidden and hidden_last the base is run over the prompts, and of what goes into a layer at the last token of each prompt, p is the mean over the positive ones, n over the negative ones, and the row of that layer is s / |s| with s = p - n; " +
			"hidden_avg takes the mean over all tokens of a prompt instead; for random N(0, 1), for uniform_random U(-1/sqrt(h), 1/sqrt(h)). Random routers must be trained. " +
			"Noise is added before the down projection is scaled. llama and mistral make mixtral, or deepseek with a shared expert; qwen2 makes qwen2_moe, qwen3 makes qwen3_moe.",
		Source:  "mergekit-moe; Komatsuzaki et al. 2022, Sparse upcycling (arXiv:2212.05055); Jiang et al. 2024, Mixtral of experts (arXiv:2401.04088)",
		Example: "op: moe.from_dense\nbase: base\nexperts:\n  - {model: a, positive_prompts: [\"Add the numbers\"]}\n  - {model: b, positive_prompts: [\"Sort the list\"]}\ngate_mode: cheap_embed\n",
		Random:  true,
		Check:   fromDenseCheck,
		Plan:    fromDensePlan,
		Carry:   fromDenseCarry,
		Ride:    fromDenseRide,
		Study:   &ops.StudyKernel[fromDense]{Ports: studyPorts, Run: studyPrompts},
		Rows:    &ops.RowKernel[fromDense]{Extent: fromDenseExtent, Prepare: fromDensePrepare, Run: fromDenseRows},
	})
}

func fromDenseCheck(p *fromDense) []schema.Problem {
	var problems []schema.Problem
	fail := func(path, cure, format string, args ...any) {
		problems = append(problems, schema.Problem{Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure})
	}
	if len(p.Experts) < p.ExpertsPerToken {
		fail("experts_per_token", "name more experts, or lower it", "%d experts for each token, and %d in all", p.ExpertsPerToken, len(p.Experts))
	}
	for i, e := range append(p.Experts[:len(p.Experts):len(p.Experts)], p.Shared...) {
		if e.PositivePrompts != nil && e.PositiveTokens != nil || e.NegativePrompts != nil && e.NegativeTokens != nil {
			fail("experts", "keep one of them", "expert %d has both prompts and their tokens", i+1)
		}
		if !p.prompted() && (e.prompted() || e.NegativePrompts != nil || e.NegativeTokens != nil) {
			fail("experts", "remove them, or use gate_mode: cheap_embed or hidden", "expert %d has prompts, which have no part in %s routers", i+1, p.GateMode)
		}
		if i < len(p.Experts) && p.prompted() && !e.prompted() {
			fail("experts", "write positive_prompts: [TEXT], or use gate_mode: random", "expert %d has no positive prompts", i+1)
		}
	}
	if p.prompted() && len(p.Experts) > 1 && sameRouting(p.Experts) {
		fail("experts", "give each expert prompts of its own", "all experts have the same prompts: the router could not tell them apart")
	}
	return problems
}

func sameRouting(experts []expert) bool {
	for _, e := range experts[1:] {
		if fmt.Sprint(e.routing()) != fmt.Sprint(experts[0].routing()) {
			return false
		}
	}
	return true
}

func (e expert) routing() []any {
	return []any{e.PositivePrompts, e.NegativePrompts, e.PositiveTokens, e.NegativeTokens}
}

// fromDenseExtent: routers of the prompts' embeddings need a look at them.
func fromDenseExtent(p *fromDense) ops.Scope {
	if p.GateMode == "cheap_embed" {
		return ops.Tensor
	}
	return ops.Rows
}

// fromDensePrepare finds the rows of routers.
func fromDensePrepare(ctx context.Context, members []ops.Member[fromDense]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		if !routes(m.Scan.Pass) {
			continue
		}
		experts := m.Params.Experts
		if m.Scan.Pass.Out().Shape[0] == 1 && len(m.Params.Shared) == 1 && isSharedGate(m.Scan.Pass.Out().Name) {
			experts = m.Params.Shared
		}
		for _, e := range experts {
			row, err := e.direction(ctx, m.Scan)
			if err != nil {
				return nil, err
			}
			states[i] = append(states[i], row...)
		}
	}
	return states, nil
}

// fromDenseRows fills what had to be computed: routers, biases that the dense
// model lacks, and experts that change.
func fromDenseRows(p *fromDense, x *ops.Pass, b *ops.Block) error {
	switch {
	case len(x.Out().Shape) == 1: // a bias, beside its weight
		clear(b.Out)
	case x.Unit.Study:
		return studied(x, b)
	case x.State != nil:
		for i := range b.Out {
			b.Out[i] = float32(x.State[b.Start()+i])
		}
	case len(x.In) == 0:
		drawRouter(p, x, b)
	default:
		changeExpert(p, x, b)
	}
	return nil
}

func drawRouter(p *fromDense, x *ops.Pass, b *ops.Block) {
	key := x.Key("router", p.GateMode)
	bound := math.Sqrt(1 / float64(b.Cols))
	for i := range b.Out {
		if p.GateMode == "random" {
			b.Out[i] = float32(key.Normal(b.Start() + i))
		} else {
			b.Out[i] = float32((2*float64(key.Uniform(b.Start()+i)) - 1) * bound)
		}
	}
}

// changeExpert adds noise and scales. The port says whose tensor it is.
func changeExpert(p *fromDense, x *ops.Pass, b *ops.Block) {
	e := p.of(x.Unit.In[0].Port)
	scale := 1.0
	if name := x.Out().Name; strings.HasSuffix(name, ".w2.weight") || strings.HasSuffix(name, ".down_proj.weight") {
		scale = e.ResidualScale
	}
	var noise func(i int) float64
	if e.NoiseScale > 0 {
		noise = x.Key("expert", "noise").Normal
	}
	for i, v := range b.X(0) {
		y := float64(v)
		if noise != nil {
			y += float64(e.NoiseScale * noise(b.Start()+i))
		}
		b.Out[i] = float32(y * scale)
	}
}

// of returns the expert of a port: the base is the first, and the shared
// experts follow the others.
func (p *fromDense) of(port int) expert {
	if port <= len(p.Experts) {
		return p.Experts[port-1]
	}
	return p.Shared[port-1-len(p.Experts)]
}

func (e expert) scale(kind tensor.Kind) float64 {
	if kind == tensor.MLPDown {
		return e.ResidualScale
	}
	return 1
}
