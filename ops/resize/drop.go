package resize

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type drop struct {
	Model     schema.Ref     `yaml:"model" previous:"" doc:"model to take layers out of"`
	Layers    []int          `yaml:"layers" check:"optional,min=1,>=0" doc:"layers to drop, counting from 0"`
	Count     int            `yaml:"count" check:"optional,>=1" doc:"instead of layers: how many to drop"`
	By        string         `yaml:"by" check:"optional,enum=influence|angle|tail" doc:"which to drop, influence by default: those that change hidden states least, the run of layers that turns them least, or the last"`
	Calibrate schema.DataRef `yaml:"calibrate" check:"optional" doc:"texts whose hidden states are looked at, for influence and angle"`
}

func init() {
	ops.Add(&Set, ops.Spec[drop]{
		Name: "resize.drop", Version: 1,
		Summary: "Drops layers: those that are named, or those that do least.",
		Doc: "by: influence drops the count layers of the least block influence, 1 - the mean cosine of the hidden states before and behind a layer, over all tokens (ShortGPT). " +
			"by: angle drops count layers in a row, from the l with the least arccos(mean cosine of the last token of each sample before layer l and before layer l+count)/pi; the last layer stays. " +
			"by: tail drops the last ones. Of equal layers the first goes. " +
			"For influence and angle the model is run when the plan is made, since what they choose decides which tensors there are; what it came to is kept. " +
			"The layers that stay are numbered anew, and config.json follows as with resize.stack.",
		Source:  "Men et al. 2024, ShortGPT (arXiv:2403.03853); Gromov et al. 2024, The Unreasonable Ineffectiveness of the Deeper Layers (arXiv:2403.17887); Lu et al. 2024, Reassessing Layer Pruning in LLMs (arXiv:2411.15558)",
		Example: "op: resize.drop\ncount: 4\nby: influence\ncalibrate: calib\n",
		Needs:   ops.Cosines,
		Check:   dropCheck,
		Ride:    dropRide,
		Select:  dropSelect,
	})
}

func dropCheck(p *drop) []schema.Problem {
	fail := func(path, cure, format string, args ...any) []schema.Problem {
		return []schema.Problem{{Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure}}
	}
	switch measured := p.by() != "tail"; {
	case (p.Layers == nil) == (p.Count == 0):
		return fail("layers", "layers: [20, 21], or count: 2", "give either layers or count")
	case p.Layers != nil && (p.By != "" || p.Calibrate.Name != ""):
		return fail("layers", "remove them, or say count in place of layers", "by and calibrate mean nothing where layers are named")
	case p.Count > 0 && measured && p.Calibrate.Name == "":
		return fail("by", "add calibrate: NAME of an entry of data, or say by: tail", "%s looks at hidden states over a text, and none is named", p.by())
	case p.Count > 0 && !measured && p.Calibrate.Name != "":
		return fail("calibrate", "remove it", "calibrate means nothing for by: tail")
	}
	return nil
}

func (p *drop) by() string { return cmp.Or(p.By, "influence") }

// dropped lists the layers that go, in ascending order.
func (p *drop) dropped(h ops.Header) ([]int, error) {
	layers := count(h)
	if layers == 0 {
		return nil, fmt.Errorf("%s has no layers of one text model", h.Name)
	}
	if p.Layers != nil {
		list := slices.Clone(p.Layers)
		slices.Sort(list)
		if list = slices.Compact(list); list[len(list)-1] >= layers {
			return nil, fmt.Errorf("layers %v of %s: it has layers 0 to %d", p.Layers, h.Name, layers-1)
		}
		if len(list) == layers {
			return nil, fmt.Errorf("all %d layers of %s would go", layers, h.Name)
		}
		return list, nil
	}
	if p.Count >= layers {
		return nil, fmt.Errorf("count: %d, and %s has %d layers: leave one", p.Count, h.Name, layers)
	}
	if p.by() == "tail" {
		return run(layers-p.Count, p.Count), nil
	}
	if h.Blocks == nil || len(h.Blocks.Next) != layers {
		return nil, fmt.Errorf("%s was not run over the texts, or has not %d layers", h.Name, layers)
	}
	if p.by() == "angle" {
		first, _, err := h.Blocks.Nearest(p.Count)
		return run(first, p.Count), err
	}
	order := run(0, layers)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(h.Blocks.Influence(a), h.Blocks.Influence(b)) })
	return slices.Sorted(slices.Values(order[:p.Count])), nil
}

// count is how many layers the text model has. Of an encoder and a decoder it
// says none: stacking what stays refuses them by name.
func count(h ops.Header) int {
	t, err := towerOf("", h)
	if err != nil {
		return 0
	}
	return t.layers
}

// run lists n numbers from the first on.
func run(first, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = first + i
	}
	return list
}

// rest is the model without the dropped layers, as a stack of what stays.
func (p *drop) rest(h ops.Header) (*stack, []ops.Header, error) {
	gone, err := p.dropped(h)
	if err != nil {
		return nil, nil, err
	}
	s := &stack{}
	var in []ops.Header
	for from := 0; from < count(h); {
		to := from
		for to < count(h) && !slices.Contains(gone, to) {
			to++
		}
		if to > from {
			s.Slices = append(s.Slices, slice{Layers: []int{from, to}})
			in = append(in, h)
		}
		from = to + 1
	}
	return s, in, nil
}

func dropSelect(p *drop, in []ops.Header) ([]ops.Pick, error) {
	s, pieces, err := p.rest(in[0])
	if err != nil {
		return nil, err
	}
	picks, err := stackSelect(s, pieces)
	for i := range picks {
		picks[i].From.Port = 0 // every piece is of the one model
	}
	return picks, err
}

func dropRide(p *drop, in []ops.Header, out *tensor.Model) error {
	s, pieces, err := p.rest(in[0])
	if err != nil {
		return err
	}
	if p.Calibrate.Name != "" {
		out.Notes = append(out.Notes, p.note(in[0]))
	}
	return stackRide(s, pieces, out)
}

// note says which layers a run chose, and by what number.
func (p *drop) note(h ops.Header) string {
	gone, _ := p.dropped(h) // rest has asked already
	if p.by() == "angle" {
		return fmt.Sprintf("drops %d of %d layers, from layer %d on, which turn the last token by %.4f of a half turn", p.Count, count(h), gone[0], h.Blocks.Distance(gone[0], p.Count))
	}
	var list []string
	for _, l := range gone {
		list = append(list, fmt.Sprintf("%d (%.4f)", l, h.Blocks.Influence(l)))
	}
	return fmt.Sprintf("drops %d of %d layers, with their influence: %s", p.Count, count(h), strings.Join(list, ", "))
}
