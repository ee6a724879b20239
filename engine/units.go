package engine

import (
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// layUnits plans a computing step: its units, with curves resolved, and the
// tensors that pass through untouched.
func (p *Plan) layUnits(n *node) error {
	shares, err := n.shares()
	if err != nil {
		return err
	}
	n.chosen = n.headers()
	l := laying{made: map[string]*cell{}, rest: map[string]bool{}}
	for _, s := range shares {
		if err := p.layShare(n, s, &l); err != nil {
			return err
		}
	}
	if len(l.units) == 0 && !n.step.AllowEmpty {
		return fmt.Errorf("%s selects no tensor that the op can work on: mend `where`, or say allow_empty: true", n.whereText())
	}
	if err := n.arrange(l); err != nil {
		return err
	}
	n.makeGroups()
	return n.unusedCases()
}

// laying is what the units of a step come to.
type laying struct {
	units []ops.Unit
	made  map[string]*cell
	rest  map[string]bool // what `where` does not choose
}

// layShare plans the units of tensors that the same ports have.
func (p *Plan) layShare(n *node, s share, l *laying) error {
	chosen, err := n.split(s, l.rest)
	if err != nil {
		return err
	}
	if len(s.ports) == len(n.ports) {
		n.chosen = chosen
	}
	units, err := n.op.Plan(s.params, chosen)
	if err != nil {
		return err
	}
	resolver, canonical := schema.NewResolver(s.params), map[any][]byte{}
	for _, u := range units {
		a, err := p.newAction(n, s, u, resolver, canonical)
		if err != nil {
			return err
		}
		n.acts = append(n.acts, a)
		for i, info := range u.Out {
			l.made[info.Name] = &cell{info: info, act: a, out: i}
		}
	}
	l.units = append(l.units, units...)
	return nil
}

// split cuts the header of a share's first port into what `where` chooses and
// the rest, and the other ports likewise by name.
func (n *node) split(s share, rest map[string]bool) (chosen []ops.Header, err error) {
	where, err := n.where()
	if err != nil {
		return nil, err
	}
	for _, info := range s.ports[0].header.Infos {
		if !s.has(info.Name) {
			continue
		}
		yes, err := n.matches(where, info)
		if err != nil {
			return nil, err
		}
		if !yes {
			rest[info.Name] = true
		}
	}
	for _, port := range s.ports {
		var infos []tensor.Info
		for _, info := range port.header.Infos {
			yes := !rest[info.Name] && s.has(info.Name)
			if s.ports[0].index[info.Name] == nil && yes {
				if yes, err = n.matches(where, info); err != nil {
					return nil, err
				}
			}
			if yes {
				infos = append(infos, info)
			}
		}
		h := ops.NewHeader(port.name, infos, port.model)
		h.Tokenizer = port.header.Tokenizer
		h.Left = rest
		chosen = append(chosen, h)
	}
	return chosen, nil
}

func (n *node) where() (*schema.Predicate, error) {
	if n.step.Where != nil || n.op.Where == "" {
		return n.step.Where, nil
	}
	pred, problems := schema.CompilePredicate(n.op.Where, n.step.OpPos, n.op.Name)
	return &pred, problems.Err()
}

func (n *node) whereText() string {
	if n.step.Where != nil {
		return "where " + n.step.Where.String()
	}
	if n.op.Where != "" {
		return "the op's own where (" + n.op.Where + ")"
	}
	return "the step"
}

func (n *node) matches(where *schema.Predicate, info tensor.Info) (bool, error) {
	if where == nil {
		return true, nil
	}
	return where.Match(n.tensorEnv(info))
}

// tensorEnv is what `where` and curves see of a tensor.
func (n *node) tensorEnv(info tensor.Info) schema.Env {
	roles := n.ports[0].model.Roles
	role := roles.Role(info.Name, info.Shape)
	return schema.Env{Name: info.Name, Layer: role.Layer, Layers: n.ports[0].layers(role.Tower), Kind: string(role.Kind),
		DType: info.DType.Torch(), Rows: info.Shape.Rows(), Cols: info.Shape.Cols(), Numel: info.Shape.Numel()}
}

// layers counts the layers of a tower that the tensors really have: a stacked
// model has more than its config says.
func (n *node) layers(tower string) int {
	if n.layersKnown == nil {
		n.layersKnown = map[string]int{}
		for _, c := range n.cells {
			r := n.model.Roles.Role(c.info.Name, c.info.Shape)
			n.layersKnown[r.Tower] = max(n.layersKnown[r.Tower], r.Layer+1)
		}
	}
	return n.layersKnown[tower]
}

// newAction resolves curves for the unit and gathers its operands. Units whose
// curves say the same share params and their canonical text.
func (p *Plan) newAction(n *node, s share, u ops.Unit, r *schema.Resolver, canonical map[any][]byte) (*action, error) {
	subject := s.subject(u)
	env := n.tensorEnv(subject)
	params, err := r.Resolve(env)
	if err != nil {
		return nil, n.place(subject.Name, err)
	}
	if _, ok := canonical[params]; !ok {
		if canonical[params], err = schema.Canonical(params); err != nil {
			return nil, n.place(subject.Name, err)
		}
	}
	a := &action{node: n, params: params, canonical: canonical[params], stored: p.stores(n)}
	a.run.of = a
	a.pass = &ops.Pass{Unit: u, Ports: len(s.ports), Op: n.op.Name, Seed: p.Recipe.Seed}
	a.role = n.ports[0].model.Roles.Role(subject.Name, subject.Shape)
	if n.step.Seed != nil {
		a.pass.Seed = *n.step.Seed
	}
	for _, in := range u.In {
		c, ok := s.ports[in.Port].index[in.Name]
		if !ok {
			return nil, n.place(in.Name, fmt.Errorf("%s has no such tensor", s.ports[in.Port].name))
		}
		a.in = append(a.in, c)
		a.pass.In = append(a.pass.In, c.info)
	}
	if err := u.Check(a.pass.In); err != nil {
		return nil, n.place(subject.Name, err)
	}
	a.streams = a.stream() // now, before workers ask for it
	return a, a.affordable(p.opt.Memory-p.run.opt.Memory, p.opt.Memory)
}

// subject is the tensor that curves and filters see: the operand that has the
// output's name, or else the first.
func (s share) subject(u ops.Unit) tensor.Info {
	subject, found := u.Out[0], false
	for _, in := range u.In {
		c, ok := s.ports[in.Port].index[in.Name]
		if ok && in.Name == u.Out[0].Name {
			return c.info
		}
		if ok && !found {
			subject, found = c.info, true
		}
	}
	return subject
}

// affordable refuses what does not fit the budget: the tensors of a whole
// kernel, or single rows that are longer than any block, beside what is aside.
func (a *action) affordable(aside, budget int64) error {
	need := a.memory() + aside
	if need <= budget {
		return nil
	}
	return a.node.place(a.pass.Out().Name, fmt.Errorf("needs %s of memory at once and the budget is %s: raise --memory, or leave the tensor out with where",
		humanize.Bytes(uint64(need)), humanize.Bytes(uint64(budget))))
}

// stores says whether a step's tensors go into the cache: by default those
// that are dear to compute.
func (p *Plan) stores(n *node) bool {
	return n.op.Whole != nil || n.sequential() || (n.step.Cache == "always" && n.op.Rows != nil)
}

// arrange puts made and untouched tensors into the order of the primary port,
// and of the others for a union of their keys; then those with new names in the
// order of their units. An op that says itself what it carries has that first.
func (n *node) arrange(l laying) error {
	if n.op.Carry != nil {
		picks, err := n.op.Carry(n.step.Params, n.chosen)
		if err != nil {
			return err
		}
		if err := n.pick(picks); err != nil {
			return err
		}
	} else {
		n.passOn(l)
	}
	for _, u := range l.units {
		for _, info := range u.Out {
			if m := l.made[info.Name]; m != nil {
				n.add(m)
			}
		}
	}
	return nil
}

// passOn adds what the ports have, made anew or untouched.
func (n *node) passOn(l laying) {
	for _, port := range n.sources() {
		for _, c := range port.cells {
			switch m := l.made[c.info.Name]; {
			case m != nil:
				n.add(m)
				delete(l.made, c.info.Name)
			case n.index[c.info.Name] != nil, !n.keeps(c.info.Name):
			case !n.op.Drop:
				n.add(c)
			}
		}
	}
}

// makeGroups joins actions whose Prepare must see them together.
func (n *node) makeGroups() {
	if n.op.Rows == nil {
		return
	}
	groups := map[string]*group{}
	for i, a := range n.acts {
		scope := n.op.Rows.Extent(a.params)
		if scope == ops.Rows {
			continue
		}
		id := groupID(scope, i, a.role)
		g := groups[id]
		if g == nil {
			g = &group{node: n, scope: scope}
			g.run.of = g
			groups[id] = g
			n.groups = append(n.groups, g)
		}
		a.group, a.member = g, len(g.members)
		g.members = append(g.members, a)
	}
}

func groupID(scope ops.Scope, i int, role tensor.Role) string {
	switch scope {
	case ops.Layer:
		return "layer " + role.Tower + " " + strconv.Itoa(role.Layer)
	case ops.Model:
		return "model"
	}
	return "tensor " + strconv.Itoa(i)
}

// unusedCases reports {where, value} cases that no tensor of the step met.
func (n *node) unusedCases() error {
	if n.step.AllowEmpty {
		return nil
	}
	problems := schema.Unmatched(n.step.Params, func(yield func(schema.Env) bool) {
		for _, a := range n.acts {
			if len(a.pass.In) > 0 && !yield(n.tensorEnv(a.pass.In[0])) {
				return
			}
		}
	})
	return schema.Problems(problems).Err()
}
