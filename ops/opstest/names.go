package opstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
)

// NamesMatter says what is wrong with a random op whose draws do not depend on
// the tensor's name: two tensors of equal shape and values, in different
// layers, then come out equal.
func NamesMatter(op *ops.Op, params any, models ...Model) error {
	twins := make([]Model, len(models))
	for i, m := range models {
		for _, t := range m {
			if first := m.Find(twin(t.Info.Name)); first != nil {
				t.Data = first
			}
			t.Data = slices.Clone(t.Data)
			twins[i] = append(twins[i], t)
		}
	}
	out, err := Apply(op, params, 1, Order{}, twins...)
	if err != nil {
		return err
	}
	for _, t := range out {
		if slices.ContainsFunc(twins, func(m Model) bool { return m.holds(t.Data) }) {
			continue // passed on as it was
		}
		// A few draws may be equal by chance, sixty-four may not.
		if first := out.Find(twin(t.Info.Name)); len(t.Data) >= 64 && slices.Equal(first, t.Data) {
			return fmt.Errorf("%s and %s, of equal values, get equal draws: take them from Pass.Key", twin(t.Info.Name), t.Info.Name)
		}
	}
	return nil
}

// twin is the name of the same tensor in the first layer, for one of the second.
func twin(name string) string {
	rest, ok := strings.CutPrefix(name, "layer.1.")
	if !ok {
		return ""
	}
	return "layer.0." + rest
}

// holds says whether a tensor of the model has just these values.
func (m Model) holds(data []float32) bool {
	return slices.ContainsFunc(m, func(t Matrix) bool { return slices.Equal(t.Data, data) })
}
