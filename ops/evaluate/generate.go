package evaluate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/schema"
)

type generate struct {
	Models     []schema.Ref   `yaml:"models" check:"min=1" doc:"models to measure; the first is what the others are compared with"`
	Data       schema.DataRef `yaml:"data" doc:"questions: an entry of data with task"`
	Extract    string         `yaml:"extract" check:"optional" doc:"regular expression (RE2) whose first group, or all of it, is the answer; without it all of the text is"`
	Take       string         `yaml:"take" default:"first" check:"enum=first|last" doc:"which match of extract is the answer"`
	IgnoreCase bool           `yaml:"ignore_case" default:"false" doc:"compare answers in lower case"`
	Limit      int            `yaml:"limit" default:"256" check:">=1" doc:"tokens of an answer, where the task does not say"`
}

func init() {
	ops.Add(&Set, ops.Spec[generate]{
		Name: "evaluate.generate", Version: 3,
		Metrics: "exact_match exact_match_stderr exact_match_diff exact_match_diff_low exact_match_diff_high items tokens",
		Summary: "Lets models write answers and measures how many are right.",
		Doc: "Each question is continued greedily until a stop string of the task, a token that ends a text (eos_token of the tokenizer, eos_token_id of generation_config.json and config.json), or the limit; stop strings are looked for in the decoded text and cut. " +
			"An answer is right if it equals the expected one once white space around both is gone and extract was applied to both (an expected answer without a match stays as it is): exact_match with its standard error, items, and tokens that were written; of each model the first wrong answer is shown. " +
			"For every model but the first: exact_match_diff with _low and _high, the 95 % interval of a bootstrap over questions (2000 draws, by the seed). Questions that are too long lose their beginning.",
		Source:  "lm-evaluation-harness (Gao et al.), output_type generate_until",
		Example: "op: evaluate.generate\nmodels: [base, merged]\ndata: quiz\nextract: '(-?\\d+)'\ntake: last\n",
		Check: func(p *generate) []schema.Problem {
			problems := twice(p.Models)
			if _, err := regexp.Compile(p.Extract); err != nil {
				problems = append(problems, schema.Problem{Path: "extract", Msg: err.Error(), Cure: "roux reads regular expressions as RE2 does: no lookaround"})
			}
			return problems
		},
		Score: &ops.ScoreKernel[generate]{
			Check: checkGenerate,
			Run:   runGenerate,
			Finish: func(_ *generate, in []ops.Header, seed uint64, results []ops.Result) (ops.Metrics, error) {
				m := compareModels("generate 3, greedy", in, seed, results, "exact_match")
				for i, r := range results {
					if wrong := r.Notes["wrong"]; wrong != "" {
						m.Notes = append(m.Notes, in[i].Name+" "+wrong)
					}
				}
				return m, nil
			},
		},
	})
}

// longestAnswer bounds what the last match is looked for in: matches that
// overlap much take the square of its length.
const longestAnswer = 64 << 10

func checkGenerate(p *generate, in []ops.Header, data []*ops.Data) error {
	if err := causal(in); err != nil {
		return err
	}
	d := data[0]
	items, err := questions(d, false)
	if err != nil {
		return err
	}
	for i, item := range items {
		if p.Extract != "" && len(item.Answer) > longestAnswer {
			return d.Errorf("question %d: an answer of %d bytes is too long to extract from (%d may be): remove extract, or shorten it", i+1, len(item.Answer), longestAnswer)
		}
	}
	for _, h := range in {
		a, err := nn.Parse(h.Config)
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := p.room(d, item, h.Name, a.Positions); err != nil {
				return err
			}
		}
	}
	return nil
}

// limit is how many tokens an answer may have.
func (p *generate) limit(item ops.Item) int {
	if item.Limit > 0 {
		return item.Limit
	}
	return p.Limit
}

// room refuses an answer that leaves none for its question.
func (p *generate) room(d *ops.Data, item ops.Item, model string, positions int) error {
	if n := p.limit(item); n >= positions {
		return d.Errorf("an answer of %d tokens leaves no room for the question in the %d positions of model %s: say a smaller limit", n, positions, model)
	}
	return nil
}

func runGenerate(ctx context.Context, p *generate, x *ops.Trial) (ops.Result, error) {
	d := x.Data[0]
	items, err := questions(d, false)
	if err != nil {
		return ops.Result{}, err
	}
	s, err := open(x, 0, true)
	if err != nil {
		return ops.Result{}, err
	}
	prompts, err := s.prompts(p, d, items)
	if err != nil {
		return ops.Result{}, err
	}
	cache, err := s.cacheFor(prompts, x)
	if err != nil {
		return ops.Result{}, err
	}
	extract := regexp.MustCompile(p.Extract) // Check compiled it
	right, written := make([]float64, len(items)), 0
	notes := map[string]string{"tokenizer": s.tokens.Digest()}
	for i, item := range items {
		text, n, err := s.answer(ctx, d, cache, prompts[i], item.Until)
		if err != nil {
			return ops.Result{}, err
		}
		written += n
		if p.clean(extract, text) == p.clean(extract, item.Answer) {
			right[i] = 1
		} else if notes["wrong"] == "" {
			notes["wrong"] = fmt.Sprintf("answers %s with %s, where %s is right", ending(item.Context), ending(text), ending(item.Answer))
		}
		if x.Report != nil {
			x.Report(i+1, len(items), "questions")
		}
	}
	mean, stderr := meanOf(right)
	return ops.Result{Values: map[string]float64{"exact_match": mean, "exact_match_stderr": stderr, "items": float64(len(items)), "tokens": float64(written)},
		Items: map[string][]float64{"exact_match": right}, Notes: notes}, nil
}

// ending is the end of a text, quoted.
func ending(text string) string {
	const shown = 60
	if r := []rune(text); len(r) > shown {
		text = "…" + string(r[len(r)-shown:])
	}
	return strconv.Quote(text)
}

// clean is what of a text is compared.
func (p *generate) clean(extract *regexp.Regexp, text string) string {
	if p.Extract != "" {
		m := extract.FindStringSubmatch(text)
		if p.Take == "last" && m != nil {
			all := extract.FindAllStringSubmatch(text, -1)
			m = all[len(all)-1]
		}
		if m != nil {
			text = m[min(1, len(m)-1)]
		}
	}
	if text = strings.TrimSpace(text); p.IgnoreCase {
		return strings.ToLower(text)
	}
	return text
}

// prompt is a question as tokens, and how many may follow.
type prompt struct {
	ids   []int32
	limit int
}

// prompts makes the tokens of questions. One that is too long loses its beginning.
func (s *subject) prompts(p *generate, d *ops.Data, items []ops.Item) ([]prompt, error) {
	out := make([]prompt, len(items))
	for i, item := range items {
		e, err := s.encode(d, item.Context, true)
		if err != nil {
			return nil, err
		}
		if len(e.ids) == 0 {
			begin, err := s.begin()
			if err != nil {
				return nil, err
			}
			e.ids = []int32{begin}
		}
		limit := p.limit(item)
		most := s.positions - limit // Check saw that there is room
		out[i] = prompt{e.ids[max(0, len(e.ids)-most):], limit}
	}
	return out, nil
}

// cacheFor returns a cache, if the budget has room for any of the texts in it.
func (s *subject) cacheFor(prompts []prompt, x *ops.Trial) (*nn.Cache, error) {
	longest, room := 0, 0
	for _, p := range prompts {
		longest, room = max(longest, len(p.ids)), max(room, len(p.ids)+p.limit)
	}
	if err := s.affords(s.model.Memory(longest, longest)+s.model.CacheBytes(room), x); err != nil {
		return nil, err
	}
	return s.model.NewCache(), nil
}

// answer continues a question, and returns the text and how many tokens it took.
// The cache keeps what the next question begins with as well.
func (s *subject) answer(ctx context.Context, d *ops.Data, cache *nn.Cache, p prompt, until []string) (string, int, error) {
	ends := slices.Concat(s.tokens.Ends(), s.model.Arch().Ends)
	var ids []int32
	text, stopped := "", false
	stop := func(id int32) bool {
		if slices.Contains(ends, id) {
			return true
		}
		ids = append(ids, id)
		text, stopped = cutAt(s.tokens.Decode(ids), until)
		return stopped
	}
	out, err := cache.Generate(ctx, cache.Resume(p.ids), p.limit, nn.Sampling{}, stop)
	if err != nil {
		return "", 0, d.Errorf("model %s: %w", s.name, err)
	}
	return text, len(out), nil
}

// cutAt cuts a text before the first of the stop strings.
func cutAt(text string, until []string) (string, bool) {
	at := -1
	for _, u := range until {
		if i := strings.Index(text, u); u != "" && i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return text, false
	}
	return text[:at], true
}
