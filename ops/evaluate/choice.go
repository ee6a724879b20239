package evaluate

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/schema"
)

type choice struct {
	Models []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure; the first is what the others are compared with"`
	Data   schema.DataRef `yaml:"data" doc:"questions: an entry of data with task"`
}

func init() {
	ops.Add(&Set, ops.Spec[choice]{
		Name: "evaluate.choice", Version: 1,
		Metrics: "acc acc_stderr acc_diff acc_diff_low acc_diff_high acc_norm acc_norm_stderr acc_norm_diff acc_norm_diff_low acc_norm_diff_high acc_bytes acc_bytes_stderr brier brier_stderr items unstable",
		Summary: "Measures how often models find the right one of several answers the likeliest.",
		Doc: "Each choice is scored by the log likelihood of its tokens behind the question: acc takes the largest sum, acc_norm the largest sum by character of the choice, acc_bytes by its UTF-8 byte; of equal ones the first. " +
			"Standard errors are sd/sqrt(n). brier is the mean squared distance of softmax(sums) from the truth. unstable counts choices before which the question's tokens are not those that it has alone (the split is then by count). " +
			"For every model but the first: acc_diff and acc_norm_diff with _low and _high, the 95 % interval of a bootstrap over questions (2000 draws, by the seed): the model is better where acc_diff_low > 0. " +
			"White space at the end of a question goes to its choices; special tokens stand where the tokenizer puts them by itself; questions that are too long lose their beginning.",
		Source:  "lm-evaluation-harness (Gao et al.), output_type multiple_choice",
		Example: "op: evaluate.choice\nmodels: [base, merged]\ndata: quiz\n",
		Check:   func(p *choice) []schema.Problem { return twice(p.Models) },
		Score: &ops.ScoreKernel[choice]{
			Check: func(_ *choice, in []ops.Header, data []*ops.Data) error {
				if err := causal(in); err != nil {
					return err
				}
				_, err := questions(data[0], true)
				return err
			},
			Run:    runChoice,
			Finish: finishChoice,
		},
	})
}

// questions are the items that a task asks for.
func questions(d *ops.Data, choices bool) ([]ops.Item, error) {
	if len(d.Items) == 0 {
		return nil, d.Errorf("it holds no questions: write {task: PATH}")
	}
	for i, item := range d.Items {
		if at := slices.Index(item.Choices, ""); choices && at >= 0 {
			return nil, d.Errorf("question %d: choice %d is empty, and has no length to be normalised by: leave the question out", i+1, at+1)
		}
		if choices && len(item.Choices) < 2 {
			return nil, d.Errorf("question %d has %d choices: evaluate.generate takes questions that are answered freely", i+1, len(item.Choices))
		}
	}
	return samples(d, d.Items, "questions")
}

func runChoice(ctx context.Context, _ *choice, x *ops.Trial) (ops.Result, error) {
	d := x.Data[0]
	items, err := questions(d, true)
	if err != nil {
		return ops.Result{}, err
	}
	s, err := open(x, 0, false)
	if err != nil {
		return ops.Result{}, err
	}
	var all []sequence
	unstable := 0
	for _, item := range items {
		for _, c := range item.Choices {
			q, stable, err := s.request(d, item.Context, item.Delimiter+c)
			if err != nil {
				return ops.Result{}, err
			}
			if !stable {
				unstable++
			}
			all = append(all, q)
		}
	}
	scores, err := s.score(ctx, all)
	if err != nil {
		return ops.Result{}, err
	}
	return gradeChoices(items, scores, unstable, s.tokens.Digest()), nil
}

// request makes the tokens of a question and what may follow, of which what
// follows is scored. It says as well whether the question's tokens stay what
// they are.
func (s *subject) request(d *ops.Data, question, answer string) (sequence, bool, error) {
	bare := strings.TrimRightFunc(question, unicode.IsSpace)
	answer = question[len(bare):] + answer
	if bare == "" {
		begin, err := s.begin()
		if err != nil {
			return sequence{}, false, err
		}
		e, err := s.encode(d, answer, false)
		if err != nil {
			return sequence{}, false, err
		}
		if len(e.ids) == 0 || e.ids[0] != begin {
			e.ids = append([]int32{begin}, e.ids...)
		}
		return s.cutLeft(sequence{ids: e.ids, from: 1, cut: true}), true, nil
	}
	whole, err := s.encode(d, bare+answer, true)
	if err != nil {
		return sequence{}, false, err
	}
	alone, err := s.encode(d, bare, true)
	if err != nil {
		return sequence{}, false, err
	}
	from := len(alone.ids)
	if from >= len(whole.ids) {
		return sequence{}, false, d.Errorf("the answer %q adds no token to its question %q", answer, bare)
	}
	stable := slices.Equal(whole.ids[:from], alone.ids)
	return s.cutLeft(sequence{ids: whole.ids, from: max(from, 1), cut: true}), stable, nil
}

// cutLeft drops the beginning of what is longer than the model's positions.
func (s *subject) cutLeft(q sequence) sequence {
	if over := len(q.ids) - (s.positions + 1); over > 0 {
		q.ids, q.from = q.ids[over:], max(q.from-over, 1)
	}
	return q
}

// gradeChoices finds the likeliest choice of each question.
func gradeChoices(items []ops.Item, scores [][]nn.Score, unstable int, tokenizer string) ops.Result {
	columns := map[string][]float64{"acc": nil, "acc_norm": nil, "acc_bytes": nil, "brier": nil}
	for _, item := range items {
		n := len(item.Choices)
		sums := make([]float64, n)
		for i := range sums {
			for _, t := range scores[i] {
				sums[i] += t.LogProb
			}
		}
		scores = scores[n:]
		by := func(size func(string) int) float64 {
			best, most := 0, math.Inf(-1)
			for i, sum := range sums {
				if v := sum / float64(max(size(item.Choices[i]), 1)); v > most {
					best, most = i, v
				}
			}
			if best == item.Gold {
				return 1
			}
			return 0
		}
		columns["acc"] = append(columns["acc"], by(func(string) int { return 1 }))
		columns["acc_norm"] = append(columns["acc_norm"], by(utf8.RuneCountInString))
		columns["acc_bytes"] = append(columns["acc_bytes"], by(func(s string) int { return len(s) }))
		columns["brier"] = append(columns["brier"], brier(sums, item.Gold))
	}
	v := map[string]float64{"items": float64(len(items)), "unstable": float64(unstable)}
	for name, column := range columns {
		v[name], v[name+"_stderr"] = meanOf(column)
	}
	return ops.Result{Values: v, Items: columns, Notes: map[string]string{"tokenizer": tokenizer}}
}

// brier is the squared distance of softmax(sums) from the truth. Choices none of
// which is possible are alike.
func brier(sums []float64, gold int) float64 {
	most, all, out := slices.Max(sums), 0.0, 0.0
	if math.IsInf(most, -1) {
		sums, most = make([]float64, len(sums)), 0
	}
	for _, s := range sums {
		all += math.Exp(s - most)
	}
	for i, s := range sums {
		p := math.Exp(s-most) / all
		if i == gold {
			p--
		}
		out += float64(p * p)
	}
	return out
}

// meanOf is the mean with its standard error sd/sqrt(n).
func meanOf(x []float64) (mean, stderr float64) {
	n := float64(len(x))
	mean = total(x) / n
	if n < 2 {
		return mean, 0
	}
	squares := 0.0
	for _, v := range x {
		squares += float64((v - mean) * (v - mean))
	}
	return mean, math.Sqrt(squares / (n - 1) / n)
}

func finishChoice(_ *choice, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
	return compareModels("choice 1, as lm-evaluation-harness", in, seed, results, "acc", "acc_norm"), nil
}

// compareModels files results, and compares columns with the first model's.
func compareModels(protocol string, in []ops.Header, seed uint64, results []ops.Result, columns ...string) ops.Metrics {
	m := ops.Metrics{Values: map[string]map[string]float64{}, Protocol: protocol + tokenizers(in, results)}
	for i, r := range results {
		for _, c := range columns {
			if i > 0 {
				ones := slices.Repeat([]float64{1}, len(r.Items[c]))
				compareItems(r.Values, c, seed, results[0].Items, r.Items, ones)
			}
		}
		m.Values[in[i].Name] = r.Values
	}
	return m
}
