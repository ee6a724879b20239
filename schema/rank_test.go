package schema

import (
	"testing"

	"gopkg.in/yaml.v3"
)

// TestRank: each form decodes, names the rank of singular values 4, 3 and 1,
// and is written as it was read.
func TestRank(t *testing.T) {
	decode := func(text string) (Rank, Problems) {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		var r Rank
		problems := r.DecodeYAML(doc.Content[0], "f", "rank")
		return r, problems
	}
	for text, want := range map[string]int{"2": 2, "9": 3, "{energy: 0.6}": 1, "{energy: 0.9}": 2, "{energy: 1}": 3, "{ratio: 0.5}": 2, "{threshold: 1}": 2, "{threshold: 0.5}": 3, "{threshold: 5}": 0} {
		r, problems := decode(text)
		if problems != nil {
			t.Errorf("%s: %v", text, problems)
		}
		if got := r.Of([]float64{4, 3, 1}, 3, 5); got != want || r.String() != text {
			t.Errorf("%s: rank %d, want %d, written %s", text, got, want, r)
		}
	}
	for _, text := range []string{"0", "{}", "{threshold: -1}", "{energy: 0.5, ratio: 0.5}", "{energy: 2}", "[1]"} {
		if _, problems := decode(text); problems == nil {
			t.Errorf("%s is a rank", text)
		}
	}
}
