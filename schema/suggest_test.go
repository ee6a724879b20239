package schema

import "testing"

// TestNearAndFarWords: a near word is meant, or one that begins so; a far one is not.
func TestNearAndFarWords(t *testing.T) {
	methods := []string{"linear", "ties", "sce", "dare_linear", "dare_ties", "model_stock", "slices"}
	for word, want := range map[string]string{
		"tie": "ties", "modelstock": "model_stock", "dare": "dare_linear", "liner": "linear", "slcies": "slices",
		"moe": "", "license": "", "core_space": "", "": "",
	} {
		if got := Suggest(word, methods); got != want {
			t.Errorf("%q: did you mean %q, want %q", word, got, want)
		}
	}
}
