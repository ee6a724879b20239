package adapter

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/kernel/gemm"
	"github.com/rouxml/roux/tensor/linalg"
	"github.com/rouxml/roux/tensor/lora"
)

type extract struct {
	Model   schema.Ref  `yaml:"model" previous:"" doc:"fine-tuned model"`
	Base    schema.Ref  `yaml:"base" doc:"model that it was tuned from"`
	Rank    schema.Rank `yaml:"rank" doc:"rank of the factors: 16, {ratio: 0.1}, {energy: 0.95} or {threshold: 0.01}; the last two differ by module"`
	MaxRank int         `yaml:"max_rank" default:"128" check:">=1" doc:"the most that energy and threshold may come to"`

	Embeddings string   `yaml:"embeddings" default:"whole" check:"enum=whole|lora|leave" doc:"save embeddings, and the head over the vocabulary, whole where they changed, factor them too, or leave them out"`
	Others     string   `yaml:"others" default:"whole" check:"enum=whole|leave" doc:"save norms, biases, routers and stacked experts whole where they changed, or leave them out"`
	Save       []string `yaml:"save" check:"optional" doc:"more modules to save whole instead of factoring them, by the ends of their names, such as lm_head"`

	DistributeScale bool   `yaml:"distribute_scale" default:"true" doc:"give both factors the root of the singular values; otherwise lora_A has them"`
	Method          string `yaml:"method" default:"auto" check:"enum=auto|exact|randomized" doc:"full decomposition, or products with a thin random matrix, which auto takes where the rank is at most a sixth of the shorter side"`
}

func init() {
	ops.Add(&Set, ops.Spec[extract]{
		Name: "adapter.extract", Version: 4,
		Summary: "Extracts a LoRA adapter from a fine-tuned model and its base.",
		Doc: "For each matrix, W - W_base = U S Vt; lora_B = U_r sqrt(S_r) and lora_A = sqrt(S_r) Vt_r, with lora_alpha = r so that the scale is one. " +
			"What is no matrix is saved whole, as PEFT's modules_to_save; `where` leaves tensors out. Write it with format: peft, which leaves out what did not change and the ranks that were not needed, and names ranks that differ in rank_pattern and alpha_pattern. " +
			"Where the head is tied to the embedding, PEFT uses an embedding that is saved whole for both, but a factored one for the head only once it is merged. " +
			"adapter.report tells the errors of the truncation, adapter.apply adds the adapter to its base again.",
		Source:  "Hu et al. 2021, LoRA (arXiv:2106.09685); mergekit-extract-lora",
		Example: "op: adapter.extract\nmodel: tuned\nbase: base\nrank: {energy: 0.95}\nmax_rank: 64\n",
		Drop:    true,
		Plan:    extractPlan,
		Ride:    extractRide,
		Whole:   &ops.WholeKernel[extract]{Scope: ops.Tensor, Memory: extractMemory, Run: extractRun},
	})
}

// extractMemory counts the SVD; the difference takes the place of an operand.
func extractMemory(p *extract, x *ops.Pass) int64 {
	if formOf(x) == whole {
		return 0
	}
	shape := x.In[0].Shape
	rank, _ := p.planned(shape)
	return linalg.TruncateMemory(shape[0], shape[1], rank, linalg.Method(p.Method))
}

func extractRun(ctx context.Context, p *extract, x *ops.Pass, in, out []ops.Matrix) error {
	tuned, base := in[0].Data, in[1].Data
	r := lora.Record{Weight: norm(tuned)}
	if formOf(x) == whole {
		copy(out[0].Data, tuned)
		kernel.Sub(base, tuned, base)
		r.Change = norm(base)
		r.Put(out[1].Data)
		if len(out) > 2 { // a tied head
			copy(out[2].Data, tuned)
			r.Put(out[3].Data)
		}
		return nil
	}
	f := factors{rows: in[0].Info.Shape[0], cols: in[0].Info.Shape[1], turned: formOf(x) == turned, a: out[0].Data, b: out[1].Data}
	f.rank = out[0].Info.Shape[0]
	kernel.Sub(tuned, tuned, base)
	r.Change = norm(tuned)
	clear(f.a)
	clear(f.b)
	if r.Change != 0 { // of NaN, Truncate says so
		if err := f.decompose(ctx, p, &r, tuned); err != nil {
			return err
		}
	}
	r.Put(out[2].Data)
	return nil
}

// factors are lora_A and lora_B of one matrix of rows x cols, and how they lie
// in it.
type factors struct {
	rows, cols, rank int
	turned           bool // the matrix is (B A)'
	a, b             []float32
}

// decompose fills the factors and turns delta into what they lack of it.
func (f factors) decompose(ctx context.Context, p *extract, r *lora.Record, delta []float32) error {
	d, err := linalg.Truncate(ctx, delta, f.rows, f.cols, f.rank, linalg.Method(p.Method))
	if err != nil {
		return err
	}
	r.Rank = d.Rank
	if _, known := p.Rank.Known(f.rows, f.cols); !known {
		r.Rank = p.Rank.OfTotal(d.S, r.Change*r.Change)
	}
	for k := range r.Rank {
		f.put(k, d, p.DistributeScale)
	}
	if f.turned {
		gemm.F32(true, true, f.rows, f.cols, f.rank, -1, f.a, f.rows, f.b, f.rank, 1, delta, f.cols, cpu.Workers(ctx))
	} else {
		gemm.F32(false, false, f.rows, f.cols, f.rank, -1, f.b, f.rank, f.a, f.cols, 1, delta, f.cols, cpu.Workers(ctx))
	}
	r.Error = norm(delta)
	return nil
}

// put writes the k'th singular triplet into both factors.
func (f factors) put(k int, d *linalg.LowRank, both bool) {
	sa, sb := float32(d.S[k]), float32(1)
	if both {
		sa = float32(math.Sqrt(d.S[k]))
		sb = sa
	}
	row := f.a[k*len(f.a)/f.rank : (k+1)*len(f.a)/f.rank]
	if !f.turned {
		kernel.ScaleTo(row, sa, d.Vt[k*f.cols:(k+1)*f.cols])
		for i := range f.rows {
			f.b[i*f.rank+k] = d.U[i*d.Rank+k] * sb
		}
		return
	}
	for i := range f.rows {
		row[i] = d.U[i*d.Rank+k] * sa
	}
	for j, v := range d.Vt[k*f.cols : (k+1)*f.cols] {
		f.b[j*f.rank+k] = v * sb
	}
}

func norm(x []float32) float64 { return math.Sqrt(kernel.Norm2(x)) }

// extractRide makes adapter_config.json.
func extractRide(p *extract, in []ops.Header, out *tensor.Model) error {
	units, err := extractPlan(p, in)
	if err != nil {
		return err
	}
	var infos []tensor.Info
	turns, tied := false, false
	for _, u := range units {
		tied = tied || len(u.Out) > 3
		infos = append(infos, u.Out...)
		turns = turns || form(u.Args[0]) == turned && !isEmbedding(in[0], u.In[0].Name)
	}
	if out.Adapter, err = restated(lora.Blank(out.Config, turns, tied), infos, in[0].Roles); err != nil {
		return err
	}
	out.Config, out.Files, out.Roles = nil, nil, lora.Roles{Base: in[0].Roles}
	return nil
}
