package tokenizer

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type align struct {
	Model  schema.Ref   `yaml:"model" previous:"" doc:"model whose rows are put in order"`
	Models []schema.Ref `yaml:"models" check:"min=1" doc:"all models that are to share the vocabulary, in the same order in each of their steps"`
	Base   schema.Ref   `yaml:"base" check:"optional" doc:"model whose tokens keep their ids and whose rows go before those of others; without it the first of models keeps its ids and no rows go first"`
	Source string       `yaml:"source" default:"union" check:"enum=union|special|base" doc:"whose tokens: of all models, the base's and the added tokens of all, or the base's alone"`
	Like   schema.Ref   `yaml:"like" check:"optional" doc:"take this model's tokenizer as it is, instead of source"`
	Tokens []token      `yaml:"tokens" check:"optional" doc:"where the rows of single tokens come from; tokens that the vocabulary lacks are added"`

	Pad     int    `yaml:"pad_to_multiple_of" check:"optional,>0" doc:"add rows, each the mean of all others, up to a multiple of this"`
	Trim    bool   `yaml:"trim" check:"optional" doc:"leave out rows that no token has, and close gaps between ids"`
	Beyond  string `yaml:"beyond" default:"error" check:"enum=error|drop|base" doc:"what to do with tokens for which a model has no row: fail, leave them out with the merges that make them, or leave out the base's and fail for others"`
	Missing string `yaml:"missing" default:"error" check:"enum=error|zero" doc:"what to do for tokens that no model has"`
}

// token says where one token's row comes from; with nothing but its text, from
// where it would come anyway.
type token struct {
	Token string     `yaml:"token" doc:"the token as the vocabulary spells it"`
	From  schema.Ref `yaml:"from" check:"optional" doc:"model to take the row from"`
	As    string     `yaml:"as" check:"optional" doc:"token of that model whose row to take; default: the same"`
	ID    *int       `yaml:"id" check:"optional,>=0" doc:"id in that model whose row to take"`
	Zero  bool       `yaml:"zero" check:"optional" doc:"a row of zeros"`
	Mean  bool       `yaml:"mean" check:"optional" doc:"the mean of all models that have the token"`
	Force bool       `yaml:"force" check:"optional" doc:"also in models that have the token"`
}

// FromScalar lets a token be named alone.
func (*token) FromScalar() string { return "token" }

func init() {
	ops.Add(&Set, ops.Spec[align]{
		Name: "tokenizer.align", Version: 1,
		Summary: "Gives a model the vocabulary that several models are to share.",
		Doc: "Rows of the embedding, the head and its bias are put in the order of the shared vocabulary, so that the models can then be merged row by row. " +
			"Run it once for each model with the same models, base, source and tokens. " +
			"The base's tokens keep their ids; then come the ordinary tokens of the other models, in the order of models and of their ids there, and then their added tokens. " +
			"Ordinary tokens of others become added tokens, which are cut out of a text before the model's own rules see it; source: special leaves them out. " +
			"A model's own row stays. A token that it lacks takes the row of the only model that has it, or else the base's, or else the mean of all models that have it. " +
			"Rows that no token has keep the base's values unless trim or pad_to_multiple_of is given. " +
			"Special ids in the configs follow their tokens. Tokenizers of different kinds are an error: their tokens do not mean the same (see tokenizer.transplant).",
		Source:  "mergekit's tokenizer option",
		Example: "op: tokenizer.align\nmodel: math\nmodels: [base, math, code]\nbase: base\ntokens:\n  - {token: \"<|im_start|>\", from: code, force: true}\n",
		Check:   alignCheck,
		Plan:    alignPlan,
		Ride:    alignRide,
		Rows: &ops.RowKernel[align]{
			Extent: func(p *align) ops.Scope {
				if p.Pad > 0 {
					return ops.Tensor
				}
				return ops.Rows
			},
			Prepare: meanRows,
			Run:     meanOfMapped,
		},
	})
}

func alignCheck(p *align) []schema.Problem {
	var problems []schema.Problem
	fail := func(t token, cure, format string, args ...any) {
		problems = append(problems, schema.Problem{Pos: t.From.Pos, Path: "tokens", Msg: fmt.Sprintf("token %q: ", t.Token) + fmt.Sprintf(format, args...), Cure: cure})
	}
	seen := map[string]bool{}
	for _, t := range p.Tokens {
		given := 0
		for _, is := range []bool{t.From.Name != "", t.Zero, t.Mean} {
			if is {
				given++
			}
		}
		switch {
		case t.Token == "":
			fail(t, "", "an empty token cannot be added")
		case seen[t.Token]:
			fail(t, "keep one of them", "stands twice")
		case given > 1:
			fail(t, "keep one of from, zero and mean", "more than one source")
		case t.From.Name == "" && (t.As != "" || t.ID != nil):
			fail(t, "name the model: from: MODEL", "as and id are about another model's token")
		case t.As != "" && t.ID != nil:
			fail(t, "keep one of them", "both as and id are given")
		}
		seen[t.Token] = true
	}
	if p.Like.Name != "" && p.Source != "union" {
		problems = append(problems, schema.Problem{Path: "like", Msg: "both like and source are given", Cure: "keep one of them"})
	}
	return problems
}

// width is how many elements a row has, and start the first row of a block: a
// vector's rows are its elements.
func width(x *ops.Pass) int {
	if len(x.Out().Shape) == 1 {
		return 1
	}
	return x.Out().Shape.Cols()
}

// meanOfMapped fills each row with the mean of the rows that are mapped to it,
// with zeros when there are none, and behind the vocabulary with the state.
func meanOfMapped(_ *align, x *ops.Pass, b *ops.Block) error {
	w := width(x)
	first, size := b.Start()/w, int(x.Unit.Args[0])
	for i := range len(b.Out) / w {
		out := b.Out[i*w : (i+1)*w]
		if first+i >= size && x.State != nil {
			for j := range out {
				out[j] = float32(x.State[j])
			}
			continue
		}
		sum(out, x, b, first+i, i*w)
	}
	return nil
}

// sum fills one row from the operands that are mapped to it.
func sum(out []float32, x *ops.Pass, b *ops.Block, row, at int) {
	n := 0
	for k, m := range x.Unit.Rows {
		if m[row] == ops.None {
			continue
		}
		in := b.X(k)[at : at+len(out)]
		if n++; n == 1 {
			copy(out, in)
			continue
		}
		for j, v := range in {
			out[j] += v
		}
	}
	if n == 0 {
		clear(out)
	}
	for j := range out {
		if n > 1 {
			out[j] /= float32(n)
		}
	}
}

// meanRows is the mean of the vocabulary's rows, for those behind it.
func meanRows(ctx context.Context, members []ops.Member[align]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		x := m.Scan.Pass
		w, size := width(x), int(x.Unit.Args[0])
		sums := ops.Pile{Blocks: m.Scan.Blocks}
		err := m.Scan.Each(ctx, func(b *ops.Block) error {
			part, row := make([]float64, w), make([]float32, w)
			first, n := b.Start()/w, b.Rows*b.Cols/w
			for k := 0; k < n && first+k < size; k++ {
				sum(row, x, b, first+k, k*w)
				for j, v := range row {
					part[j] += float64(v)
				}
			}
			sums.Add(b.Index, part)
			return nil
		})
		if err != nil {
			return nil, err
		}
		states[i] = sums.Total(w)
		for j := range states[i] {
			states[i][j] /= float64(size)
		}
	}
	return states, nil
}
