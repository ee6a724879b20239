package evaluate

import (
	"fmt"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/schema"
)

// strided refuses a stride where the protocol takes none.
func strided(protocol string, stride int) []schema.Problem {
	if stride == 0 || protocolOf(protocol).strides {
		return nil
	}
	return []schema.Problem{{Path: "stride", Msg: "protocol " + protocol + " takes no stride", Cure: "remove it, or say protocol: hf-stride"}}
}

// twice refuses a model that is named twice: its metrics go by one name.
func twice(models []schema.Ref) []schema.Problem {
	var problems []schema.Problem
	for i, m := range models {
		if slices.ContainsFunc(models[:i], func(o schema.Ref) bool { return o.Name == m.Name }) {
			problems = append(problems, schema.Problem{Pos: m.Pos, Path: "models", Msg: fmt.Sprintf("model %s is named twice", m.Name), Cure: "remove one: metrics go by a model's name"})
		}
	}
	return problems
}

// checkTexts refuses data that is known to be unfit for the models before they
// run. The tokens of texts that may be too short are counted, by the first
// model's tokenizer.
func checkTexts(in []ops.Header, d *ops.Data, protocol string, stride int) error {
	if err := causal(in); err != nil {
		return err
	}
	p := protocolOf(protocol)
	for i, h := range in {
		a, err := nn.Parse(h.Config)
		if err != nil {
			return err
		}
		length, err := (&subject{name: h.Name, positions: a.Positions}).length(d, p)
		if err != nil {
			return err
		}
		if stride > length {
			return d.Errorf("a stride of %d passes over tokens between windows of %d: say stride: %d or less, or a larger length", stride, length, length)
		}
		if i > 0 || !d.Scant(2*length*max(1, d.Samples)) {
			continue
		}
		s, err := planned(h, a)
		if err != nil {
			return err
		}
		if _, _, err := s.windows(d, p, stride); err != nil {
			return err
		}
	}
	return nil
}
