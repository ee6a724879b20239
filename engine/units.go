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
	chosen, rest, err := n.split()
	if err != nil {
		return err
	}
	n.chosen = chosen
	units, err := n.op.Plan(n.step.Params, chosen)
	if err != nil {
		return err
	}
	if len(units) == 0 && !n.step.AllowEmpty {
		return fmt.Errorf("%s selects no tensor that the op can work on: mend `where`, or say allow_empty: true", n.whereText())
	}
	made := make(map[string]*cell, len(units))
	resolver, canonical := schema.NewResolver(n.step.Params), map[any][]byte{}
	for _, u := range units {
		a, err := p.newAction(n, u, resolver, canonical)
		if err != nil {
			return err
		}
		n.acts = append(n.acts, a)
		for i, info := range u.Out {
			made[info.Name] = &cell{info: info, act: a, out: i}
		}
	}
	n.arrange(units, made, rest)
	n.makeGroups()
	return n.unusedCases()
}

// split cuts the primary header into what `where` chooses and the rest, and
// the other ports likewise by name.
func (n *node) split() (chosen []ops.Header, rest map[string]bool, err error) {
	where, err := n.where()
	if err != nil {
		return nil, nil, err
	}
	rest = map[string]bool{}
	for _, info := range n.ports[0].header.Infos {
		yes, err := n.matches(where, info)
		if err != nil {
			return nil, nil, err
		}
		if !yes {
			rest[info.Name] = true
		}
	}
	for _, port := range n.ports {
		var infos []tensor.Info
		for _, info := range port.header.Infos {
			if !rest[info.Name] {
				infos = append(infos, info)
			}
		}
		h := ops.NewHeader(port.name, infos, port.model)
		chosen = append(chosen, h)
	}
	return chosen, rest, nil
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
	return schema.Env{Name: info.Name, Layer: role.Layer, Layers: n.layers(), Kind: string(role.Kind),
		DType: info.DType.String(), Rows: info.Shape.Rows(), Cols: info.Shape.Cols(), Numel: info.Shape.Numel()}
}

// layers counts the layers that the primary port's tensors really have: a
// stacked model has more than its config says.
func (n *node) layers() int { return n.ports[0].layerCount() }

func (n *node) layerCount() int {
	if n.layersKnown == 0 {
		most := 0
		for _, c := range n.cells {
			most = max(most, n.model.Roles.Role(c.info.Name, c.info.Shape).Layer+1)
		}
		n.layersKnown = most + 1
	}
	return n.layersKnown - 1
}

// newAction resolves curves for the unit and gathers its operands. Units whose
// curves say the same share params and their canonical text.
func (p *Plan) newAction(n *node, u ops.Unit, r *schema.Resolver, canonical map[any][]byte) (*action, error) {
	subject := u.Out[0]
	if len(u.In) > 0 {
		if c, ok := n.ports[u.In[0].Port].index[u.In[0].Name]; ok {
			subject = c.info
		}
	}
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
	a.pass = &ops.Pass{Unit: u, Ports: len(n.ports), Op: n.op.Name, Seed: p.Recipe.Seed,
		Role: tensor.Role{Layer: env.Layer, Kind: tensor.Kind(env.Kind)}}
	if n.step.Seed != nil {
		a.pass.Seed = *n.step.Seed
	}
	for _, in := range u.In {
		c, ok := n.ports[in.Port].index[in.Name]
		if !ok {
			return nil, n.place(in.Name, fmt.Errorf("%s has no such tensor", n.ports[in.Port].name))
		}
		a.in = append(a.in, c)
		a.pass.In = append(a.pass.In, c.info)
	}
	a.streams = a.stream() // now, before workers ask for it
	return a, a.affordable(p.opt.Memory)
}

// affordable refuses what does not fit the budget: the tensors of a whole
// kernel, or single rows that are longer than any block.
func (a *action) affordable(budget int64) error {
	if a.memory() <= budget {
		return nil
	}
	return a.node.place(a.pass.Out().Name, fmt.Errorf("needs %s of memory at once and the budget is %s: raise --memory, or leave the tensor out with where",
		humanize.Bytes(uint64(a.memory())), humanize.Bytes(uint64(budget))))
}

// stores says whether a step's tensors go into the cache: by default those
// that are dear to compute.
func (p *Plan) stores(n *node) bool {
	return n.op.Whole != nil || n.sequential() || (n.step.Cache == "always" && n.op.Rows != nil)
}

// arrange puts made and untouched tensors into the order of the primary port,
// then those with new names in the order of their units.
func (n *node) arrange(units []ops.Unit, made map[string]*cell, rest map[string]bool) {
	for _, c := range n.ports[0].cells {
		switch m := made[c.info.Name]; {
		case m != nil:
			n.add(m)
			delete(made, c.info.Name)
		case n.op.Drop && !rest[c.info.Name]:
		case !n.op.Drop:
			n.add(c)
		}
	}
	for _, u := range units {
		for _, info := range u.Out {
			if m := made[info.Name]; m != nil {
				n.add(m)
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
		id := groupID(scope, i, a.pass.Role.Layer)
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

func groupID(scope ops.Scope, i, layer int) string {
	switch scope {
	case ops.Layer:
		return "layer " + strconv.Itoa(layer)
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
