package adapter

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/linalg"
)

type extract struct {
	Model schema.Ref  `yaml:"model" previous:"" doc:"fine-tuned model"`
	Base  schema.Ref  `yaml:"base" doc:"model that it was tuned from"`
	Rank  schema.Rank `yaml:"rank" doc:"rank of the factors: 16 or {ratio: 0.1}"`

	Method string `yaml:"method" default:"auto" check:"enum=auto|exact|randomized" doc:"full decomposition, or products with a thin random matrix, which auto takes where the rank is at most a sixth of the shorter side"`
}

func init() {
	ops.Add(&Set, ops.Spec[extract]{
		Name: "adapter.extract", Version: 2,
		Summary: "Extracts a LoRA adapter from a fine-tuned model and its base.",
		Doc: "For each matrix, W - W_base = U S Vt; lora_B = U_r sqrt(S_r) and lora_A = sqrt(S_r) Vt_r, with lora_alpha = r so that the scale is one. " +
			"Write it with format: peft. The share of the difference that a rank keeps is what evaluate.compare shows of base + adapter.",
		Source:  "Hu et al. 2021, LoRA (arXiv:2106.09685); mergekit-extract-lora",
		Example: "op: adapter.extract\nmodel: tuned\nbase: base\nrank: 16\n",
		Where:   `rows > 1 and layer >= 0 and kind not in ["norm", "bias", "other"]`,
		Drop:    true,
		Check:   extractCheck,
		Plan:    extractPlan,
		Ride:    extractRide,
		Whole:   &ops.WholeKernel[extract]{Scope: ops.Tensor, Memory: extractMemory, Run: extractRun},
	})
}

func extractCheck(p *extract) []schema.Problem {
	if p.Rank.Energy > 0 {
		return []schema.Problem{{Path: "rank", Msg: "the rank of an adapter must be known before anything is decomposed", Cure: "give a number or a ratio"}}
	}
	return nil
}

// prefix is what PEFT puts before every module's name.
const prefix = "base_model.model."

func extractPlan(p *extract, in []ops.Header) ([]ops.Unit, error) {
	same, err := ops.SameNames(in)
	if err != nil {
		return nil, err
	}
	var units []ops.Unit
	for _, u := range same {
		info := u.Out[0]
		module, ok := strings.CutSuffix(info.Name, ".weight")
		if !ok || len(info.Shape) != 2 {
			continue
		}
		rank, _ := p.Rank.Known(info.Shape[0], info.Shape[1])
		units = append(units, ops.Unit{In: u.In, Out: []tensor.Info{
			{Name: prefix + module + ".lora_A.weight", DType: tensor.F32, Shape: tensor.Shape{rank, info.Shape[1]}},
			{Name: prefix + module + ".lora_B.weight", DType: tensor.F32, Shape: tensor.Shape{info.Shape[0], rank}},
		}})
	}
	return units, nil
}

// extractMemory counts the difference and its SVD.
func extractMemory(p *extract, x *ops.Pass) int64 {
	rows, cols := x.In[0].Shape.Rows(), x.In[0].Shape.Cols()
	return 4*int64(rows)*int64(cols) + linalg.TruncateMemory(rows, cols, x.Out().Shape[0], linalg.Method(p.Method))
}

func extractRun(ctx context.Context, p *extract, _ *ops.Pass, in, out []ops.Matrix) error {
	rows, cols := in[0].Info.Shape[0], in[0].Info.Shape[1]
	delta := in[0].Data
	kernel.Sub(delta, delta, in[1].Data)
	rank := out[0].Info.Shape[0]
	d, err := linalg.Truncate(ctx, delta, rows, cols, rank, linalg.Method(p.Method))
	if err != nil {
		return err
	}
	for k := range rank {
		root := float32(math.Sqrt(d.S[k]))
		kernel.ScaleTo(out[0].Data[k*cols:(k+1)*cols], root, d.Vt[k*cols:(k+1)*cols])
		for i := range rows {
			out[1].Data[i*rank+k] = d.U[i*rank+k] * root
		}
	}
	return nil
}

// extractRide makes adapter_config.json: the modules by their last names, and
// the ranks of those that differ from the most common one.
func extractRide(p *extract, in []ops.Header, out *tensor.Model) error {
	var modules []string
	ranks := map[string]int{}
	units, err := extractPlan(p, in)
	if err != nil {
		return err
	}
	most := 0
	for _, u := range units {
		full := strings.TrimSuffix(strings.TrimPrefix(u.Out[0].Name, prefix), ".lora_A.weight")
		if last := full[strings.LastIndex(full, ".")+1:]; !slices.Contains(modules, last) {
			modules = append(modules, last)
		}
		ranks[full] = u.Out[0].Shape[0]
		most = max(most, u.Out[0].Shape[0])
	}
	pattern := map[string]int{}
	for module, r := range ranks {
		if r != most {
			pattern[module] = r
		}
	}
	slices.Sort(modules)
	out.Adapter, err = json.MarshalIndent(map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": most, "lora_alpha": most, "lora_dropout": 0.0, "bias": "none",
		"target_modules": modules, "rank_pattern": pattern, "alpha_pattern": pattern, "fan_in_fan_out": false,
		"inference_mode": true, "base_model_name_or_path": nil,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("adapter config: %w", err)
	}
	out.Config = nil
	out.Files = nil
	return nil
}
