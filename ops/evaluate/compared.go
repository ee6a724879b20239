package evaluate

import (
	"strings"

	"github.com/rouxml/roux/ops"
)

// comparable says whether two results are about the same items: one tokenizer
// made the same tokens of the same data.
func comparable(a, b ops.Result) bool {
	return a.Notes["tokenizer"] == b.Notes["tokenizer"] && a.Notes["length"] == b.Notes["length"]
}

// compareItems adds what a result's column differs by from the first model's,
// for a unit of weight, with the interval of a bootstrap over items.
func compareItems(v map[string]float64, column string, seed uint64, first, items map[string][]float64, weight []float64) {
	a, b := first[column], items[column]
	if len(a) != len(b) || len(a) == 0 {
		return
	}
	diff := make([]float64, len(a))
	for i := range a {
		diff[i] = b[i] - a[i]
	}
	v[column+"_diff"] = total(diff) / total(weight)
	if len(a) > 1 {
		v[column+"_diff_low"], v[column+"_diff_high"] = interval(seed, column, diff, weight)
	}
}

// tokenizers says for a protocol which tokenizers made the tokens.
func tokenizers(in []ops.Header, results []ops.Result) string {
	var order []string
	names := map[string][]string{}
	for i, r := range results {
		d := short12(r.Notes["tokenizer"])
		if names[d] == nil {
			order = append(order, d)
		}
		names[d] = append(names[d], in[i].Name)
	}
	var b strings.Builder
	for _, d := range order {
		b.WriteString(", tokenizer " + d)
		if len(order) > 1 {
			b.WriteString(" (" + strings.Join(names[d], ", ") + ")")
		}
	}
	return b.String()
}

// short12 is the beginning of a digest.
func short12(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if !ok {
		hex = digest
	}
	return hex[:min(12, len(hex))]
}
