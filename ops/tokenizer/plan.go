package tokenizer

import (
	"fmt"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/vocab"
)

// alignPlan makes a unit of each table: the rows that each model lends to it.
func alignPlan(p *align, in []ops.Header) ([]ops.Unit, error) {
	ps, err := join(p, in)
	if err != nil {
		return nil, err
	}
	v, home, err := shared(p, ps)
	if err != nil {
		return nil, err
	}
	tokens := v.Tokens()
	var units []ops.Unit
	for _, info := range tablesOf(ps.own.Header) {
		t := &table{p: p, ps: ps, info: info, home: home, from: map[*party]tensor.Info{}}
		u, err := t.unit(v, tokens)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Name, err)
		}
		units = append(units, u)
	}
	return units, nil
}

// table is one tensor of the model with the tensors of others that answer it.
type table struct {
	p    *align
	ps   *parties
	info tensor.Info
	home *party
	from map[*party]tensor.Info

	maps  map[*party]ops.RowMap
	order []*party // of maps
}

func (t *table) unit(v *vocab.Tokenizer, tokens []vocab.Token) (ops.Unit, error) {
	if err := t.answers(); err != nil {
		return ops.Unit{}, err
	}
	rows := t.rows(v)
	t.maps = map[*party]ops.RowMap{}
	chosen := make(map[string]*token, len(t.p.Tokens))
	lent := map[string]*party{}
	for i := range t.p.Tokens {
		chosen[t.p.Tokens[i].Token], lent[t.p.Tokens[i].Token] = &t.p.Tokens[i], t.ps.from[i]
	}
	used := make([]bool, rows)
	var missing []string
	for _, tok := range tokens {
		used[tok.ID] = true
		none, err := t.fill(tok, chosen[tok.Text], lent[tok.Text], rows)
		if err != nil {
			return ops.Unit{}, err
		}
		if none {
			missing = append(missing, tok.Text)
		}
	}
	if missing != nil && t.p.Missing == "error" {
		return ops.Unit{}, fmt.Errorf("none of the models has a row for %s (give them a source under tokens, or say missing: zero)", few(missing))
	}
	t.unused(used, v.Size())
	return t.assemble(rows, v.Size()), nil
}

// answers finds the tensor of each model that answers to this one.
func (t *table) answers() error {
	for _, m := range slices.Concat(t.ps.all, t.ps.from, []*party{t.ps.base, t.home}) {
		if m == nil {
			continue
		}
		other, ok := tableFor(m.Header, t.ps.own.Header, t.info)
		if !ok {
			if contains(t.ps.all, m) {
				return fmt.Errorf("%s has no such tensor", m.Name)
			}
			continue
		}
		if len(other.Shape) != len(t.info.Shape) || len(t.info.Shape) == 2 && other.Shape[1] != t.info.Shape[1] {
			if contains(t.ps.all, m) || contains(t.ps.from, m) {
				return fmt.Errorf("%v in %s and %v in %s: only the number of rows may differ", t.info.Shape, t.ps.own.Name, other.Shape, m.Name)
			}
			continue
		}
		t.from[m] = other
	}
	return nil
}

// rows is how many the table will have: enough for the tokens, and as many as
// the vocabulary's home has unless rows without tokens are to go.
func (t *table) rows(v *vocab.Tokenizer) int {
	if pad := t.p.Pad; pad > 0 {
		return (v.Size() + pad - 1) / pad * pad
	}
	if has, ok := t.from[t.home]; ok && !t.p.Trim {
		return max(v.Size(), has.Shape[0])
	}
	return v.Size()
}

// fill maps the row of one token; none says that no model has one.
func (t *table) fill(tok vocab.Token, c *token, lender *party, rows int) (none bool, err error) {
	set := func(m *party, row int) { t.lend(m, tok.ID, row, rows) }
	if row, ok := t.row(t.ps.own, tok.Text); ok && (c == nil || !c.Force) {
		set(t.ps.own, row)
		return false, nil
	}
	switch {
	case c != nil && c.Zero:
		return false, nil
	case lender != nil:
		row, err := t.lent(c, lender)
		if err == nil {
			set(lender, row)
		}
		return false, err
	}
	have := t.havers(tok.Text)
	if baseRow, ok := t.row(t.ps.base, tok.Text); ok && len(have) > 1 && t.ps.base.Name == t.p.Base.Name && contains(have, t.ps.base) && (c == nil || !c.Mean) {
		set(t.ps.base, baseRow)
		return false, nil
	}
	for _, m := range have {
		row, _ := t.row(m, tok.Text)
		set(m, row)
	}
	return len(have) == 0, nil
}

// lend maps a row of a model to one of the table.
func (t *table) lend(m *party, to, row, rows int) {
	if t.maps[m] == nil {
		t.maps[m] = blank(rows)
		t.order = append(t.order, m)
	}
	t.maps[m][to] = int32(row)
}

func blank(rows int) ops.RowMap {
	m := make(ops.RowMap, rows)
	for i := range m {
		m[i] = ops.None
	}
	return m
}

// row is the row of a token in a model, or false when it has none.
func (t *table) row(m *party, text string) (int, bool) {
	id, ok := m.vocab.ID(text)
	return id, ok && id < t.from[m].Shape.Lines()
}

func (t *table) havers(text string) []*party {
	var have []*party
	for _, m := range t.ps.all {
		if _, ok := t.row(m, text); ok && !contains(have, m) {
			have = append(have, m)
		}
	}
	return have
}

// lent is the row that the params name in another model.
func (t *table) lent(c *token, from *party) (int, error) {
	fail := func(format string, args ...any) error {
		return &ops.At{Pos: c.From.Pos, Err: fmt.Errorf("token %q: %s", c.Token, fmt.Sprintf(format, args...))}
	}
	has, ok := t.from[from]
	if !ok {
		return 0, fail("%s has no tensor %s", from.Name, t.info.Name)
	}
	if c.ID != nil {
		if *c.ID >= has.Shape.Lines() {
			return 0, fail("%s has %d rows and no id %d", from.Name, has.Shape.Lines(), *c.ID)
		}
		return *c.ID, nil
	}
	name := c.Token
	if c.As != "" {
		name = c.As
	}
	row, ok := t.row(from, name)
	if !ok {
		return 0, fail("%s has no token %q", from.Name, name)
	}
	return row, nil
}

// unused gives rows that no token has the values of the vocabulary's home.
func (t *table) unused(used []bool, size int) {
	has, ok := t.from[t.home]
	for row, is := range used {
		if is || !ok || row >= has.Shape.Lines() || t.p.Pad > 0 && row >= size {
			continue
		}
		t.lend(t.home, row, row, len(used))
	}
}

// assemble makes the unit of the models that lend rows.
func (t *table) assemble(rows, size int) ops.Unit {
	out := t.info.Plain()
	out.Shape = slices.Clone(out.Shape)
	out.Shape[0] = rows
	u := ops.Unit{Out: []tensor.Info{out}, Args: []float64{float64(size)}}
	// In the order of models, so that a mean has the same bits in each step.
	slices.SortStableFunc(t.order, func(a, b *party) int { return t.rank(a) - t.rank(b) })
	for _, m := range t.order {
		u.In = append(u.In, ops.Operand{Port: m.port, Name: t.from[m].Name})
		u.Rows = append(u.Rows, t.maps[m])
	}
	if u.In == nil {
		u.In, u.Rows = []ops.Operand{{Port: t.ps.own.port, Name: t.info.Name}}, []ops.RowMap{blank(rows)}
	}
	return u
}

func (t *table) rank(m *party) int {
	if i := slices.Index(t.ps.all, m); i >= 0 {
		return i
	}
	return len(t.ps.all) + m.port
}
