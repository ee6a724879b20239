package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
)

// calibration is one run of a model over data, for all steps that ask for
// statistics of it.
type calibration struct {
	model   *node
	header  ops.Header // of the model, as it runs
	data    *dataset
	step    *node // the step through whose results the data goes on; nil: none
	linears []calib.Linear
	want    []ops.Need       // by linear
	tensors map[string][]int // which linears a tensor belongs to
	users   []*action
	compare bool       // whether hidden states are to be compared
	blocks  ops.Blocks // then

	base   keyOnce
	run    flight
	layers map[int][]*ops.Stats // by layer, once read; in the order of linears
}

// sequential says whether statistics come from a model that the step has been
// through up to the layer before.
func (n *node) sequential() bool {
	return n.op.Needs != 0 && len(n.step.Data) > 0 && n.op.Sequential(n.step.Params)
}

// layCalibration says what statistics the units of a step need, and joins them
// with what others need of the same model and data.
func (p *Plan) layCalibration(ctx context.Context, n *node) error {
	if n.op.Needs == 0 || len(n.step.Data) == 0 || len(n.acts) == 0 {
		return nil
	}
	if err := p.suits(ctx, n); err != nil {
		return err
	}
	step := n
	if !n.sequential() {
		step = nil
	}
	c, err := p.calibration(ctx, n.ports[0], n.step.Data[0].Name, step)
	if err != nil {
		return err
	}
	for _, a := range n.acts {
		if len(c.of(a)) == 0 {
			return fmt.Errorf("%s is no weight of a linear layer that model %s multiplies activations by, so it has no statistics: leave it out with where", a.pass.In[0].Name, c.model.name)
		}
		a.calib = c
		c.users = append(c.users, a)
		for _, i := range c.of(a) {
			if err := c.ask(i, n.op.Needs); err != nil {
				return err
			}
		}
		if c.step != nil && a.memory() > p.opt.Memory/2 {
			return n.place(a.pass.Out().Name, fmt.Errorf("needs %s of memory beside the sums of its layer, and half of the budget is %s: raise --memory, or leave the tensor out with where",
				humanize.Bytes(uint64(a.memory())), humanize.Bytes(uint64(p.opt.Memory/2))))
		}
	}
	return c.affordable(p.opt.Memory)
}

// of returns the linears that an action's first operand belongs to.
func (c *calibration) of(a *action) []int { return c.tensors[a.pass.In[0].Name] }

// suits refuses an importance matrix where a step needs more than it tells.
func (p *Plan) suits(ctx context.Context, n *node) error {
	d, err := p.dataset(ctx, n.step.Data[0].Name)
	if err != nil || d.data.Importance == nil {
		return err
	}
	if n.op.Needs&^ops.Squares != 0 {
		return d.data.Errorf("an importance matrix holds sums of squares alone, and %s needs more of the activations: calibrate on a text", n.op.Name)
	}
	if n.sequential() {
		return d.data.Errorf("an importance matrix is about the model as it was when it was made, and step %s goes on through its own results: say sequential: false, or calibrate on a text", n.name)
	}
	return nil
}

// calibration finds or makes the run that statistics of a model come from.
func (p *Plan) calibration(ctx context.Context, model *node, name string, step *node) (*calibration, error) {
	if p.opt.Tokenizer == nil || p.opt.Data == nil {
		return nil, errors.New("this program runs no models")
	}
	data, err := p.dataset(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, c := range p.calibs {
		if c.model == model && c.data == data && c.step == nil && step == nil {
			return c, nil
		}
	}
	c := &calibration{model: model, data: data, step: step, tensors: map[string][]int{}, layers: map[int][]*ops.Stats{}}
	if c.header, err = model.runnableHeader(p.opt); err != nil {
		return nil, err
	}
	if c.linears, err = calib.Linears(c.header); err != nil {
		return nil, err
	}
	c.want = make([]ops.Need, len(c.linears))
	for i, l := range c.linears {
		for _, w := range l.Weights {
			c.tensors[w] = append(c.tensors[w], i)
		}
	}
	if !c.given() {
		if err := calib.Check(c.header, data.data); err != nil {
			return nil, err
		}
	}
	p.calibs = append(p.calibs, c)
	return c, nil
}

// given says that the statistics are an importance matrix: nothing is run.
func (c *calibration) given() bool { return c.data.data.Importance != nil }

// ask wants something of a linear, which an importance matrix has at once.
func (c *calibration) ask(i int, need ops.Need) error {
	first := c.want[i] == 0
	c.want[i] |= need
	if !first || !c.given() {
		return nil
	}
	s, err := calib.FromImportance(c.linears[i], c.data.data)
	layer := c.linears[i].Layer
	c.layers[layer] = append(c.layers[layer], s)
	return err
}

// affordable refuses sums that do not fit: those of one layer while the data
// goes by, and those of all channels, which stay.
func (c *calibration) affordable(budget int64) error {
	layer, all := calib.LayerBytes(c.linears, c.want), int64(0)
	for i, l := range c.linears {
		if c.want[i] != 0 {
			all += 32 * int64(l.Width)
		}
	}
	if layer <= budget/2 && all <= budget/4 {
		return nil
	}
	return fmt.Errorf("the statistics of model %s take %s for its largest layer and %s for the channels of all, and the budget is %s: raise --memory, or leave tensors out with where",
		c.model.name, humanize.Bytes(uint64(layer)), humanize.Bytes(uint64(all)), humanize.Bytes(uint64(budget)))
}

// calibVersion is raised when the same run would give other statistics.
const calibVersion = 1

// key covers the model, its tokenizer, the data and how much of it, and for a
// sequential step what the step does.
func (c *calibration) key(ctx context.Context) (cas.Key, error) {
	return c.base.get(func() (cas.Key, error) {
		if c.given() {
			h := cas.NewHash("importance").Int(calibVersion).String(c.data.digest)
			for _, l := range c.linears {
				h.Int(int64(l.Layer)).String(l.Name).Int(int64(l.Expert)).Int(int64(len(l.Weights)))
			}
			return h.Sum(), nil
		}
		h := cas.NewHash("calibration").Int(calibVersion).String(c.data.digest)
		if err := hashModel(ctx, h, c.model); err != nil || c.step == nil {
			return h.Sum(), err
		}
		for _, a := range c.users {
			k, err := a.bareKey(ctx)
			if err != nil {
				return cas.Key{}, err
			}
			h.String(a.pass.Out().Name).Key(k)
		}
		return h.Sum(), nil
	})
}

// layerKey names the sums of a layer's channels, and gramKey a Gram matrix.
func (c *calibration) layerKey(ctx context.Context, layer int) (cas.Key, error) {
	k, err := c.key(ctx)
	return cas.NewHash("channels").Key(k).Int(int64(layer)).Sum(), err
}

func (c *calibration) gramKey(ctx context.Context, linear int) (cas.Key, error) {
	k, err := c.key(ctx)
	return cas.NewHash("gram").Key(k).Int(int64(linear)).Sum(), err
}
