package calib

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor"
)

// Linear is an input of linear layers.
type Linear = nn.Linear

// Head is the name of the input of the logits' weights, which no run goes on
// behind.
const Head = nn.HeadIn

// Linears lists the inputs that statistics can be had of, from headers alone.
func Linears(h ops.Header) ([]Linear, error) {
	all, err := nn.Linears(h.Config, h.Infos)
	if err != nil {
		return nil, fmt.Errorf("model %s cannot be run for statistics: %w", h.Name, err)
	}
	return all, nil
}

// Job is one run of a model over data.
type Job struct {
	Model   ops.Subject
	Data    *ops.Data
	Workers int
	Memory  int64  // for hidden states, a layer's sums and what the run itself takes
	Spill   string // directory for hidden states that take more than a quarter of it
	Linears []Linear
	Want    []ops.Need // by linear; 0: nothing
	Blocks  bool       // whether to compare hidden states
	// Layer takes what was gathered as each layer ends that something is wanted
	// of, the head behind all layers; it must not keep the Grams. The run ends
	// behind the last such layer, unless there is Replace.
	Layer func(layer int, got []Gathered) error
	// Replace, when set, is asked for other weights of a layer that has ended,
	// through which the data then goes on: sequential compression. Nothing is
	// wanted of Blocks then.
	Replace func(layer int) (tensor.Source, error)
}

// Gathered is what a layer came to for one input.
type Gathered struct {
	Index int // of Job.Linears
	Stats *ops.Stats
	Gram  []float64 // the lower triangle of width x width; nil unless wanted
}

// errEnough ends a run whose further layers nobody asks about.
var errEnough = errors.New("enough")

// Run gathers what the job wants, and compares hidden states if it is asked to.
func Run(ctx context.Context, j Job) (*ops.Blocks, error) {
	tokens, err := j.Model.Tokenizer()
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", j.Model.Name, err)
	}
	m, err := nn.Open(j.Model.Weights, j.Model.Config, nn.Options{Workers: j.Workers, Spill: j.Spill, SpillAbove: j.Memory / 4})
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", j.Model.Name, err)
	}
	batch, err := samples(tokens, j.Data, m.Arch().Positions)
	if err != nil {
		return nil, err
	}
	if err := j.affordable(m, batch); err != nil {
		return nil, err
	}
	g := newGathering(&j, m.Arch(), batch)
	st, err := m.Run(ctx, batch, g.hooks())
	switch {
	case errors.Is(err, errEnough):
	case err != nil:
		return nil, fmt.Errorf("model %s: %w", j.Model.Name, err)
	default:
		if err := errors.Join(g.head(st), st.Close()); err != nil {
			return nil, err
		}
	}
	return g.blocks.finish(), nil
}

// affordable refuses a run that takes more memory than it has.
func (j *Job) affordable(m *nn.Model, batch [][]int32) error {
	rows, longest := len(batch)*len(batch[0]), len(batch[0])
	states := int64(4*rows) * int64(m.Arch().Hidden)
	need := m.Memory(rows, longest) - states
	if states <= j.Memory/4 || j.Spill == "" {
		need += states
		if j.Replace != nil {
			need += states
		}
	}
	if j.Blocks {
		need += states // those of the layer before
	}
	need += LayerBytes(j.Linears, j.Want)
	if need > j.Memory {
		return j.Data.Errorf("its %d samples of %d tokens need about %s to calibrate model %s on, and the budget leaves %s: raise --memory, or say fewer samples",
			len(batch), longest, humanize.Bytes(uint64(need)), j.Model.Name, humanize.Bytes(uint64(j.Memory)))
	}
	return nil
}

// LayerBytes is what the sums of the largest layer take.
func LayerBytes(all []Linear, want []ops.Need) int64 {
	layers := map[int]int64{}
	most := int64(0)
	for i, l := range all {
		if want[i] == 0 {
			continue
		}
		d := int64(l.Width)
		layers[l.Layer] += 32 * d
		if want[i]&ops.Gram != 0 {
			layers[l.Layer] += 8 * d * d
		}
		most = max(most, layers[l.Layer])
	}
	return most
}

// notFinite says where the first activation that is NaN or Inf came by.
func notFinite(s *ops.Stats, weights []string) error {
	for j, v := range s.Squares {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(s.Sum[j]) {
			where := fmt.Sprintf("layer %d", s.Layer)
			if s.Input == Head {
				where = "the last normalisation"
			}
			return fmt.Errorf("%s is the first with an activation that is NaN or too large, in channel %d of the input of %s: the weights before it are damaged or overflow", where, j, weights[0])
		}
	}
	return nil
}
