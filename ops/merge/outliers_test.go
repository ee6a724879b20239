package merge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/ops/opstest"
)

// crumbled is what breadcrumbs leaves of a delta by sorting all of it, ties by
// index: mergekit's rule, but for gamma n < 1, where it drops everything.
func crumbled(x []float32, density, gamma float64) []float32 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return -cmp.Compare(math.Abs(float64(x[a])), math.Abs(float64(x[b])))
	})
	top := int(gamma * float64(len(x)))
	bottom := len(x) - int(density*float64(len(x))) - top
	if bottom < 0 {
		top, bottom = top+bottom, 0
	}
	y := make([]float32, len(x))
	for _, i := range order[top : len(x)-bottom] {
		y[i] = x[i]
	}
	return y
}

// TestBreadcrumbsKeepsExactly holds both ends to sorting, for distinct and for
// many equal elements.
func TestBreadcrumbsKeepsExactly(t *testing.T) {
	base := opstest.Random(1)
	for i := range base {
		clear(base[i].Data)
	}
	distinct, equal := opstest.Random(2), opstest.Random(2)
	for i := range equal {
		for j := range equal[i].Data {
			equal[i].Data[j] = float32(1 + j%3)
		}
	}
	for _, tuned := range []opstest.Model{distinct, equal} {
		for _, density := range []float64{0.2, 0.5, 0.9, 0.99} {
			for _, gamma := range []float64{0, 0.02, 0.1, 0.4} {
				params := fmt.Sprintf("{base: a, density: %v, gamma: 0.7, models: [{model: b, gamma: %v}]}", density, gamma)
				for _, name := range []string{"merge.breadcrumbs", "merge.breadcrumbs_ties"} {
					out := apply(t, name, params, base, tuned)
					for i := range out {
						if want := crumbled(tuned[i].Data, density, gamma); !slices.Equal(out[i].Data, want) {
							t.Errorf("%s %s of %s:\n%v\nwant\n%v", name, params, out[i].Info.Name, out[i].Data, want)
						}
					}
				}
			}
		}
	}
}
