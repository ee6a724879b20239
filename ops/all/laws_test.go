package all

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops/opstest"
)

// claim says whether a law holds for a method: to so much of the largest
// element, 0 being exactly; or why, by the method's definition, it does not. A
// reason is held to too: the law must really fail. A claim that cannot be put
// to the method begins with "none: ".
type claim struct {
	within float64
	not    string
}

func holds(within float64) claim { return claim{within: within} }

func not(reason string) claim { return claim{not: reason} }

// The reasons that several methods share.
const (
	noWeights = "none: its models have no weights"
	twoParts  = "none: both models have parts of their own"
	byChance  = "what is kept is drawn, and by the place of a model"
	trimmed   = "small elements of the task vector are dropped"
)

// method is a merge in the form that the laws are put in: head, the models with
// or without weights, and what follows. A base comes before the models.
type method struct {
	op, head, tail string
	models         int // besides the base; 0 where params are said in full
	base, weighted bool
	copies         claim // models that are one, on a base that is not, give it
	same           claim // models that are one with the base give it
	order          claim // of models that change places with their weights
	absent         claim // a weight of zero is absence
}

// laws is all methods of mergekit; passthrough with a scale is edit.scale.
var laws = map[string]method{
	"passthrough":                   {op: "edit.scale", head: "{model: a, scale: 1}", copies: not("none: of one model, no base"), same: holds(0), order: not("none: of one model"), absent: not(noWeights)},
	"linear":                        {op: "merge.linear", models: 3, weighted: true, copies: not("none: no base"), same: holds(2e-7), order: holds(3e-7), absent: holds(0)},
	"slerp":                         {op: "merge.slerp", head: "{base: a, model: b, t: 0.3}", copies: not("none: the base is one of the two models"), same: holds(5e-7), order: not(twoParts), absent: not(noWeights)},
	"nuslerp":                       {op: "merge.nuslerp", models: 2, weighted: true, copies: not("none: no base"), same: holds(5e-7), order: holds(1e-6), absent: not("none: takes two models")},
	"nuslerp on a base":             {op: "merge.nuslerp", head: "base: a, ", models: 2, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: not("none: takes two models")},
	"nuslerp by rows":               {op: "merge.nuslerp", tail: ", nuslerp_flatten: false", models: 2, weighted: true, copies: not("none: no base"), same: holds(5e-7), order: holds(1e-6), absent: not("none: takes two models")},
	"nuslerp by columns":            {op: "merge.nuslerp", tail: ", nuslerp_flatten: false, nuslerp_row_wise: true", models: 2, weighted: true, copies: not("none: no base"), same: holds(5e-7), order: holds(1e-6), absent: not("none: takes two models")},
	"multislerp":                    {op: "merge.multislerp", models: 3, weighted: true, copies: not("none: no base"), same: holds(5e-7), order: holds(1e-6), absent: holds(0)},
	"multislerp on a base":          {op: "merge.multislerp", head: "base: a, ", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"karcher":                       {op: "merge.karcher", models: 3, copies: not("none: no base"), same: holds(5e-7), order: holds(1e-6), absent: not(noWeights)},
	"model_stock":                   {op: "merge.model_stock", head: "base: a, ", models: 3, base: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"model_stock by rows":           {op: "merge.model_stock", head: "base: a, ", tail: ", filter_wise: true", models: 3, base: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"nearswap":                      {op: "merge.nearswap", head: "{base: a, model: b, t: 0.1}", copies: not("none: the base is one of the two models"), same: holds(0), order: not(twoParts), absent: not(noWeights)},
	"arcee_fusion":                  {op: "merge.arcee_fusion", head: "{base: a, model: b}", copies: not("none: the base is one of the two models"), same: holds(0), order: not(twoParts), absent: not(noWeights)},
	"sce":                           {op: "merge.sce", head: "base: a, ", models: 3, base: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"sce of the most varied":        {op: "merge.sce", head: "base: a, ", tail: ", select_topk: 0.5", models: 3, base: true, copies: not("nothing varies between copies, so that nothing is selected"), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"ram":                           {op: "merge.ram", head: "base: a, ", tail: ", epsilon: 0.3", models: 3, base: true, copies: not("changes up to epsilon are dropped"), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"ram without epsilon":           {op: "merge.ram", head: "base: a, ", tail: ", epsilon: 0", models: 3, base: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"ramplus_tl":                    {op: "merge.ramplus_tl", head: "base: a, ", tail: ", epsilon: 0.3", models: 3, base: true, copies: not("changes up to epsilon are dropped"), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"task_arithmetic":               {op: "merge.task_arithmetic", head: "base: a, ", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"ties":                          {op: "merge.ties", head: "base: a, ", tail: ", density: 0.5", models: 3, base: true, weighted: true, copies: not(trimmed), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"ties at density 1":             {op: "merge.ties", head: "base: a, ", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"dare_ties":                     {op: "merge.dare_ties", head: "base: a, ", tail: ", density: 0.5", models: 3, base: true, weighted: true, copies: not(byChance), same: holds(0), order: not(byChance), absent: holds(0)},
	"dare_linear":                   {op: "merge.dare_linear", head: "base: a, ", tail: ", density: 0.5", models: 3, base: true, weighted: true, copies: not(byChance), same: holds(0), order: not(byChance), absent: holds(0)},
	"breadcrumbs":                   {op: "merge.breadcrumbs", head: "base: a, ", tail: ", density: 0.5, gamma: 0.1", models: 3, base: true, weighted: true, copies: not(trimmed), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"breadcrumbs_ties":              {op: "merge.breadcrumbs_ties", head: "base: a, ", tail: ", density: 0.5, gamma: 0.1", models: 3, base: true, weighted: true, copies: not(trimmed), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"della":                         {op: "merge.della", head: "base: a, ", tail: ", density: 0.5", models: 3, base: true, weighted: true, copies: not(byChance), same: holds(0), order: not(byChance), absent: holds(0)},
	"della_linear":                  {op: "merge.della_linear", head: "base: a, ", tail: ", density: 0.5", models: 3, base: true, weighted: true, copies: not(byChance), same: holds(0), order: not(byChance), absent: holds(0)},
	"dare_ties at density 1":        {op: "merge.dare_ties", head: "base: a, ", tail: ", density: 1", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"dare_linear at density 1":      {op: "merge.dare_linear", head: "base: a, ", tail: ", density: 1", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"breadcrumbs at density 1":      {op: "merge.breadcrumbs", head: "base: a, ", tail: ", density: 1, gamma: 0", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"breadcrumbs_ties at density 1": {op: "merge.breadcrumbs_ties", head: "base: a, ", tail: ", density: 1, gamma: 0", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"della at density 1":            {op: "merge.della", head: "base: a, ", tail: ", density: 1", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"della_linear at density 1":     {op: "merge.della_linear", head: "base: a, ", tail: ", density: 1", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
	"ramplus_tl without epsilon":    {op: "merge.ramplus_tl", head: "base: a, ", tail: ", epsilon: 0", models: 3, base: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: not(noWeights)},
	"task_arithmetic normalised":    {op: "merge.task_arithmetic", head: "base: a, ", tail: ", normalize: true", models: 3, base: true, weighted: true, copies: holds(5e-7), same: holds(0), order: holds(1e-6), absent: holds(0)},
}

// params is the method's with weights for its models.
func (m method) params(weights ...float64) string {
	if m.models == 0 {
		return m.head
	}
	var list []string
	for i, w := range weights {
		if m.weighted {
			list = append(list, fmt.Sprintf("{model: m%d, weight: %v}", i, w))
		} else {
			list = append(list, fmt.Sprintf("m%d", i))
		}
	}
	return "{" + m.head + "models: [" + strings.Join(list, ", ") + "]" + m.tail + "}"
}

func (m method) merge(t *testing.T, params string, models ...opstest.Model) opstest.Model {
	t.Helper()
	reg, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	op, ok := reg.Op(m.op)
	if !ok {
		t.Fatal(m.op)
	}
	out, err := opstest.Apply(op, opstest.Decode(t, op, params), 1, opstest.Order{Seed: 3}, models...)
	if err != nil {
		t.Fatalf("%s: %v", params, err)
	}
	return out
}

// weights sum to one, so that copies give the model where weights are not
// normalised either.
var weights = []float64{0.2, 0.5, 0.3}

// with puts the base, if there is one, before models.
func (m method) with(base opstest.Model, models ...opstest.Model) []opstest.Model {
	if m.base {
		return append([]opstest.Model{base}, models...)
	}
	return models
}

// check holds a claim to what a law says of two models.
func (c claim) check(t *testing.T, law string, got, want opstest.Model) {
	t.Helper()
	worst := 0.0
	for i := range want {
		most, off := 0.0, 0.0
		for j, w := range want[i].Data {
			most = max(most, math.Abs(float64(w)))
			if d := math.Abs(float64(got[i].Data[j]) - float64(w)); !(d <= off) {
				off = d
			}
		}
		if !(off/most <= worst) {
			worst = off / most
		}
	}
	switch {
	case c.not == "" && !(worst <= c.within):
		t.Errorf("%s: off by %.2g of the largest element, want at most %.2g", law, worst, c.within)
	case c.not != "" && worst < 1e-5:
		t.Errorf("%s: said not to hold, as %s; it does", law, c.not)
	}
}

func (c claim) asked() bool { return !strings.HasPrefix(c.not, "none: ") }

// TestLaws puts every law to every method.
func TestLaws(t *testing.T) {
	a, b, c, d := opstest.Random(1), opstest.Random(2), opstest.Random(3), opstest.Random(4)
	for name, m := range laws {
		t.Run(name, func(t *testing.T) {
			n := m.models
			w := weights[:n]
			if n == 0 {
				operands := strings.Count(m.head, "model") + strings.Count(m.head, "base")
				m.same.check(t, "copies", m.merge(t, m.head, []opstest.Model{b, b}[:operands]...), b)
				return
			}
			copies, some := []opstest.Model{b, b, b}[:n], []opstest.Model{b, c, d}[:n]
			m.same.check(t, "copies of one model", m.merge(t, m.params(w...), m.with(b, copies...)...), b)
			if m.copies.asked() {
				m.copies.check(t, "copies of one model on another base", m.merge(t, m.params(normal(w)...), m.with(a, copies...)...), b)
			}
			want := m.merge(t, m.params(w...), m.with(a, some...)...)
			turned := m.merge(t, m.params(append(append([]float64{}, w[1:]...), w[0])...), m.with(a, append(append([]opstest.Model{}, some[1:]...), some[0])...)...)
			m.order.check(t, "order of models", turned, want)
			if m.absent.asked() {
				with := m.merge(t, m.params(0.4, 0.7, 0), m.with(a, b, c, d)...)
				m.absent.check(t, "weight 0", with, m.merge(t, m.params(0.4, 0.7), m.with(a, b, c)...))
			}
		})
	}
}

// normal scales weights to a sum of one.
func normal(w []float64) (scaled []float64) {
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	for _, v := range w {
		scaled = append(scaled, v/sum)
	}
	return scaled
}

type limit struct {
	op, params  string
	operand     int    // which operand it gives, or
	as, params2 string // what else gives the same
}

// limits is where a method gives exactly one of its operands, or what another
// method gives.
var limits = []limit{
	{op: "edit.scale", params: "{model: a, scale: 1}"},
	{op: "merge.linear", params: "{models: [{model: a, weight: 3}, {model: b, weight: 0}, {model: c, weight: 0}]}"},
	{op: "merge.linear", params: "{models: [{model: a, weight: 0}, {model: b, weight: 1}, {model: c, weight: 0}], normalize: false}", operand: 1},
	{op: "merge.slerp", params: "{base: a, model: b, t: 0}"},
	{op: "merge.slerp", params: "{base: a, model: b, t: 1}", operand: 1},
	{op: "merge.nuslerp", params: "{models: [a, {model: b, weight: 0}]}"},
	{op: "merge.nuslerp", params: "{models: [{model: a, weight: 0}, b]}", operand: 1},
	{op: "merge.nuslerp", params: "{base: a, models: [{model: b, weight: 0}, c], nuslerp_flatten: false}", operand: 2},
	{op: "merge.nuslerp", params: "{base: a, models: [b, {model: c, weight: 0}], nuslerp_flatten: false, nuslerp_row_wise: true}", operand: 1},
	{op: "merge.multislerp", params: "{models: [{model: a, weight: 0}, b, {model: c, weight: 0}]}", operand: 1},
	{op: "merge.multislerp", params: "{base: a, models: [{model: b, weight: 0}, c]}", operand: 2},
	{op: "merge.karcher", params: "{models: [a]}"},
	{op: "merge.model_stock", params: "{base: a, models: [a, a]}"},
	{op: "merge.nearswap", params: "{base: a, model: b, t: 0}"},
	{op: "merge.nearswap", params: "{base: a, model: b, t: 1e9}", operand: 1},
	{op: "merge.arcee_fusion", params: "{base: a, model: a}"},
	{op: "merge.sce", params: "{base: a, models: [b, c], select_topk: 0}"},
	{op: "merge.sce", params: "{base: a, models: [b, c], select_topk: 1}", as: "merge.sce", params2: "{base: a, models: [b, c], select_topk: 0.99999999}"},
	{op: "merge.ram", params: "{base: a, models: [b, c], epsilon: 1e9}"},
	{op: "merge.ramplus_tl", params: "{base: a, models: [b, c], epsilon: 1e9}"},
	{op: "merge.ramplus_tl", params: "{base: a, models: [b, c], epsilon: 0.3, r: 0}", as: "merge.ram", params2: "{base: a, models: [b, c], epsilon: 0.3}"},
	{op: "merge.task_arithmetic", params: "{base: a, models: [b, c], lambda: 0}"},
	{op: "merge.ties", params: "{base: a, models: [b, c], density: 0.5, lambda: 0}"},
	{op: "merge.ties", params: "{base: a, models: [b], density: 1}", as: "merge.task_arithmetic", params2: "{base: a, models: [b]}"},
	{op: "merge.dare_ties", params: "{base: a, models: [b, c], density: 1}", as: "merge.ties", params2: "{base: a, models: [b, c], normalize: false}"},
	{op: "merge.dare_linear", params: "{base: a, models: [b, c], density: 1}", as: "merge.task_arithmetic", params2: "{base: a, models: [b, c]}"},
	{op: "merge.breadcrumbs", params: "{base: a, models: [b, c], density: 1, gamma: 0}", as: "merge.task_arithmetic", params2: "{base: a, models: [b, c]}"},
	{op: "merge.breadcrumbs_ties", params: "{base: a, models: [b, c], density: 0.5, gamma: 0}", as: "merge.ties", params2: "{base: a, models: [b, c], density: 0.5, normalize: false}"},
	{op: "merge.della", params: "{base: a, models: [b, c], density: 1}", as: "merge.ties", params2: "{base: a, models: [b, c]}"},
	{op: "merge.della_linear", params: "{base: a, models: [b, c], density: 1}", as: "merge.task_arithmetic", params2: "{base: a, models: [b, c]}"},
	{op: "merge.della", params: "{base: a, models: [{model: b, weight: 0}, {model: c, weight: 0}], density: 0.5}"},
	{op: "merge.dare_ties", params: "{base: a, models: [{model: b, weight: 0}, {model: c, weight: 0}], density: 0.5}"},
}

// mergekits are mergekit's methods by their names there.
var mergekits = strings.Fields("linear slerp nuslerp multislerp karcher passthrough model_stock nearswap arcee_fusion sce ram ramplus_tl " +
	"task_arithmetic ties dare_ties dare_linear breadcrumbs breadcrumbs_ties della della_linear")

// TestEveryMethodHasLaws: each of the 20 is put to the laws and has a limit.
func TestEveryMethodHasLaws(t *testing.T) {
	if len(mergekits) != 20 {
		t.Fatalf("%d methods", len(mergekits))
	}
	for _, name := range mergekits {
		op := "merge." + name
		if name == "passthrough" {
			op = "edit.scale"
		}
		if m, ok := laws[name]; !ok || m.op != op {
			t.Errorf("%s is put to no law", name)
		}
		if !slices.ContainsFunc(limits, func(l limit) bool { return l.op == op }) {
			t.Errorf("%s has no limit", name)
		}
		for _, m := range laws {
			for law, c := range map[string]claim{"copies": m.copies, "same": m.same, "order": m.order, "absent": m.absent} {
				if m.op == op && c.not == "" && c.within > 1e-6 {
					t.Errorf("%s of %s is held to %v only", law, name, c.within)
				}
			}
		}
	}
}

// TestLimits: at its limits a method gives just what it should, to the bit.
func TestLimits(t *testing.T) {
	in := []opstest.Model{opstest.Random(1), opstest.Random(2), opstest.Random(3)}
	for _, l := range limits {
		got := method{op: l.op}.merge(t, l.params, operands(l.params, in)...)
		want := in[l.operand]
		if l.as != "" {
			want = method{op: l.as}.merge(t, l.params2, operands(l.params2, in)...)
		}
		holds(0).check(t, l.op+" "+l.params, got, want)
	}
}

// operands is the models that params name a, b and c, in the order in which
// they do.
func operands(params string, in []opstest.Model) (list []opstest.Model) {
	words := strings.FieldsFunc(params, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' })
	for _, w := range words {
		if i := strings.Index("abc", w); i >= 0 && len(w) == 1 {
			list = append(list, in[i])
		}
	}
	return list
}
