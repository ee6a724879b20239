package evaluate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type embed struct {
	Models  []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure, encoders or causal ones"`
	Data    schema.DataRef `yaml:"data" doc:"a table of pairs of texts"`
	First   string         `yaml:"first" default:"sentence1" doc:"column of the first text"`
	Second  string         `yaml:"second" default:"sentence2" doc:"column of the second text"`
	Score   string         `yaml:"score" check:"optional" doc:"column of the similarity that people see"`
	Pooling string         `yaml:"pooling" default:"mean" check:"enum=mean|first|last" doc:"which hidden states make the vector: the mean of all, the first ([CLS]) or the last"`
}

func init() {
	ops.Add(&Set, ops.Spec[embed]{
		Name: "evaluate.embed", Version: 1,
		Metrics: "cosine pairs pearson spearman",
		Summary: "Measures whether texts that mean the same get similar vectors.",
		Doc: "Each text goes through the model with the special tokens that its tokenizer adds; its hidden states behind the last normalisation are pooled. " +
			"cosine is the mean cosine of the pairs; with score, spearman and pearson are the correlations of the cosines with that column (ranks of equal numbers are averaged). pairs counts them. Texts that are too long lose their end.",
		Source:  "sentence-transformers' EmbeddingSimilarityEvaluator (Reimers and Gurevych, 2019)",
		Example: "op: evaluate.embed\nmodels: [base, merged]\ndata: pairs\nscore: score\n",
		Check:   func(p *embed) []schema.Problem { return twice(p.Models) },
		Score: &ops.ScoreKernel[embed]{
			Check: func(p *embed, in []ops.Header, data []*ops.Data) error {
				if err := architectures(in); err != nil {
					return err
				}
				_, _, err := p.pairs(data[0])
				return err
			},
			Run: runEmbed,
			Finish: func(p *embed, in []ops.Header, _ uint64, results []ops.Result) (ops.Metrics, error) {
				m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: "embed 1, pooling " + p.Pooling + tokenizers(in, results)}
				for i, r := range results {
					m.Values[in[i].Name] = r.Values
				}
				return m, nil
			},
		},
	})
}

func runEmbed(ctx context.Context, p *embed, x *ops.Trial) (ops.Result, error) {
	d := x.Data[0]
	rows, wanted, err := p.pairs(d)
	if err != nil {
		return ops.Result{}, err
	}
	s, err := open(x, 0, false)
	if err != nil {
		return ops.Result{}, err
	}
	var all []sequence
	for _, row := range rows {
		for _, column := range []string{p.First, p.Second} {
			q, err := s.whole(d, row[column], column)
			if err != nil {
				return ops.Result{}, err
			}
			all = append(all, q)
		}
	}
	vectors, err := s.vectors(ctx, all, nn.Pooling(p.Pooling))
	if err != nil {
		return ops.Result{}, err
	}
	cosines := make([]float64, len(rows))
	for i := range cosines {
		cosines[i] = cosine(vectors[2*i], vectors[2*i+1])
	}
	v := map[string]float64{"pairs": float64(len(rows)), "cosine": total(cosines) / float64(len(rows))}
	if p.Score != "" && len(rows) > 1 {
		v["pearson"], v["spearman"] = pearson(cosines, wanted), pearson(ranks(cosines), ranks(wanted))
	}
	return ops.Result{Values: v, Notes: map[string]string{"tokenizer": s.tokens.Digest()}}, nil
}

// pairs are the rows that are asked for, which have all columns, and the
// similarities that people see, if a column holds them.
func (p *embed) pairs(d *ops.Data) (rows []map[string]string, wanted []float64, err error) {
	if len(d.Rows) == 0 {
		return nil, nil, d.Errorf("it holds no table: write {text: FILE.csv}, .jsonl or .parquet")
	}
	if rows, err = samples(d, d.Rows, "pairs"); err != nil {
		return nil, nil, err
	}
	for i, row := range rows {
		for _, column := range []string{p.First, p.Second, p.Score} {
			if _, ok := row[column]; !ok && column != "" {
				return nil, nil, d.Errorf("row %d: it has no column %q (it has %s)", i+1, column, strings.Join(slices.Sorted(maps.Keys(row)), ", "))
			}
		}
		if p.Score == "" {
			continue
		}
		v, err := strconv.ParseFloat(row[p.Score], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, d.Errorf("row %d: column %q is %q, and no number", i+1, p.Score, row[p.Score])
		}
		wanted = append(wanted, v)
	}
	return rows, wanted, nil
}

// whole is a text of a column as the model reads it, its end cut off if need be.
func (s *subject) whole(d *ops.Data, text, column string) (sequence, error) {
	e, err := s.encode(d, text, true)
	if err != nil {
		return sequence{}, err
	}
	if len(e.ids) == 0 {
		return sequence{}, d.Errorf("column %q holds a text without tokens", column)
	}
	return sequence{ids: e.ids[:min(len(e.ids), s.positions)]}, nil
}

// vectors pools the hidden states of each sequence.
func (s *subject) vectors(ctx context.Context, all []sequence, how nn.Pooling) ([][]float32, error) {
	out := make([][]float32, len(all))
	err := s.inBatches(all, func(first int, some []sequence) error {
		states, err := s.run(ctx, some, nn.Hooks{})
		if err != nil {
			return err
		}
		for i := range some {
			if out[first+i], err = states.Pool(i, how, false); err != nil {
				break
			}
			if nan, inf := kernel.CountNonFinite(out[first+i]); nan+inf > 0 {
				err = fmt.Errorf("model %s: text %d: the last normalisation is the first with a state that is NaN or Inf: its weights are damaged or overflow", s.name, first+i+1)
				break
			}
		}
		return errors.Join(err, states.Close())
	})
	return out, err
}

// cosine is that of two vectors; 0 if one is zero.
func cosine(a, b []float32) float64 {
	n := math.Sqrt(kernel.Norm2(a) * kernel.Norm2(b))
	if n == 0 {
		return 0
	}
	return kernel.Dot(a, b) / n
}

// pearson is the correlation of two lists; 0 if one does not vary.
func pearson(a, b []float64) float64 {
	n := float64(len(a))
	ma, mb := total(a)/n, total(b)/n
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+float64(x*y), aa+float64(x*x), bb+float64(y*y)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// ranks are the places of numbers in their order, those of equal ones averaged.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return x[order[i]] < x[order[j]] })
	out := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}
