package tokenizer

import (
	"fmt"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

// graft says where the rows of a transplanted table come from. It travels to
// the kernel as numbers.
type graft struct {
	rows   []int    // the model's row for each of the table, or one of those below
	shared [][2]int // rows of tokens in both, model's and donor's, by donor's id
	pieces [][]int  // of each row that is made, the model's rows of its pieces
	head   int      // 1: the table is no embedding; of equal bytes either may be made
}

const (
	nothing = -1 // a row of zeros
	made    = -2 // a row to be made
)

// args writes a graft as numbers.
func (g graft) args() []float64 {
	args := append([]int{g.head, len(g.rows)}, g.rows...)
	args = append(args, len(g.shared))
	for _, s := range g.shared {
		args = append(args, s[0], s[1])
	}
	args = append(args, len(g.pieces))
	for _, p := range g.pieces {
		args = append(append(args, len(p)), p...)
	}
	floats := make([]float64, len(args))
	for i, n := range args {
		floats[i] = float64(n)
	}
	return floats
}

// graftOf reads what args wrote.
func graftOf(args []float64) (g graft) {
	take := func(n int) []int {
		part := make([]int, n)
		for i, f := range args[:n] {
			part[i] = int(f)
		}
		args = args[n:]
		return part
	}
	g.head = take(1)[0]
	g.rows = take(take(1)[0])
	for range take(1)[0] {
		pair := take(2)
		g.shared = append(g.shared, [2]int{pair[0], pair[1]})
	}
	for range take(1)[0] {
		g.pieces = append(g.pieces, take(take(1)[0]))
	}
	return g
}

func transplantPlan(p *transplant, in []ops.Header) ([]ops.Unit, error) {
	model, donor := in[0], in[1]
	own, err := lexiconOf(model)
	if err != nil {
		return nil, err
	}
	theirs, err := lexiconOf(donor)
	if err != nil {
		return nil, err
	}
	tables := tablesOf(model)
	if tables == nil {
		return nil, fmt.Errorf("%s has no embedding among the tensors of this step", model.Name)
	}
	var units []ops.Unit
	for _, info := range tables {
		u, err := graftUnit(p, in, info, own, theirs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Name, err)
		}
		units = append(units, u)
	}
	return units, nil
}

func graftUnit(p *transplant, in []ops.Header, info tensor.Info, own, theirs *lexicon) (ops.Unit, error) {
	model, donor := in[0], in[1]
	u := ops.Unit{In: []ops.Operand{{Name: info.Name}}}
	from, has := tableFor(donor, model, info)
	donorRows := theirs.vocab.Size()
	if has && len(info.Shape) == 2 {
		donorRows = from.Shape.Lines()
	}
	side := "embed"
	if model.Roles.Role(info.Name, info.Shape).Kind != tensor.Embed {
		side = "head"
	}
	g, err := p.graft(own, theirs, info.Shape.Lines(), donorRows, side)
	if err != nil {
		return u, err
	}
	if side == "head" {
		g.head = 1
	}
	switch {
	case len(info.Shape) == 1:
		for i, r := range g.rows {
			g.rows[i] = max(r, nothing) // what is no table of vectors has nothing to be made of
		}
		g.shared = nil
	case p.compares():
		if !has || len(from.Shape) != 2 {
			return u, fmt.Errorf("%s has no such tensor", donor.Name)
		}
		if slices.Contains(g.rows, made) && len(g.shared) < p.K {
			return u, fmt.Errorf("k is %d, and %s and %s share %d tokens (give a smaller k)", p.K, model.Name, donor.Name, len(g.shared))
		}
		u.In = append(u.In, ops.Operand{Port: 1, Name: from.Name})
	default:
		g.shared = nil
	}
	if p.Method == "subword" && len(info.Shape) == 2 {
		if g.pieces, err = piecesOf(g, model, theirs, info.Shape.Lines()); err != nil {
			return u, err
		}
	}
	out := info.Plain()
	out.Shape = slices.Clone(out.Shape)
	out.Shape[0] = len(g.rows)
	u.Out, u.Args = []tensor.Info{out}, g.args()
	return u, nil
}

// compares says whether the method looks at the donor's rows.
func (p *transplant) compares() bool {
	return p.Method == "omp" || p.Method == "common_interpolation"
}

// graft matches the donor's tokens with the model's.
func (p *transplant) graft(own, theirs *lexicon, rows, donorRows int, side string) (graft, error) {
	g := graft{rows: make([]int, theirs.vocab.Size())}
	allowed := func(where string) bool { return where == "yes" || where == side }
	matched := 0
	for i := range g.rows {
		g.rows[i] = nothing
	}
	for _, t := range theirs.vocab.Tokens() {
		if t.ID >= donorRows {
			continue // the donor has a token without a row: nothing was ever learnt of it
		}
		m := theirs.of[t.ID]
		if id, ok := own.ids[m]; ok && id < rows {
			g.rows[t.ID] = id
			matched++
			if theirs.ids[m] == t.ID {
				g.shared = append(g.shared, [2]int{id, t.ID})
			}
			continue
		}
		g.rows[t.ID] = made
		if id, ok := own.byteTwin(m); ok && allowed(p.Byte) && id < rows {
			g.rows[t.ID] = id
		} else if id, ok := own.prefix(m); ok && allowed(p.Prefix) && id < rows {
			g.rows[t.ID] = id
		}
	}
	if matched == 0 {
		return g, fmt.Errorf("the tokenizers, %s and %s, share no token", own.vocab.Describe(), theirs.vocab.Describe())
	}
	return g, nil
}

// transplantRide gives the model the donor's tokenizer files and special ids.
func transplantRide(_ *transplant, in []ops.Header, out *tensor.Model) error {
	donor := in[1]
	v, err := donor.Vocab()
	if err != nil {
		return noVocab(donor, err)
	}
	if err := carry(out, donor, in[0], v); err != nil {
		return err
	}
	out.Config = adopt(out.Config, donor.Config)
	generation, err := fileOf(donor, "generation_config.json")
	if err != nil {
		return err
	}
	return editFile(out, "generation_config.json", func(text []byte) []byte { return adopt(text, generation) })
}

// adopt takes over the special ids that another config has.
func adopt(config, from []byte) []byte {
	for _, key := range []string{"pad_token_id", "eos_token_id", "bos_token_id", "unk_token_id", "mask_token_id"} {
		if value := member(from, key); value != nil {
			config = jsontext.Set(config, string(value), key)
		}
	}
	return config
}
