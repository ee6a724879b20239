package all

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
)

// scores runs over every op that runs models: neither workers nor memory change
// its metrics, they are finite numbers under a protocol, and damaged weights,
// models that nobody knows, empty data and foreign tokenizers are errors that say so.
func scores(t *testing.T, op *ops.Op, params any, models int) {
	want, err := opstest.Score(op, params, models, opstest.Scene{Seed: 1, Workers: 1, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if want.Protocol == "" || len(want.Values) == 0 {
		t.Errorf("no protocol or no metrics: %+v", want)
	}
	for model, values := range want.Values {
		for name, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s.%s is %v", model, name, v)
			}
		}
	}
	for _, s := range []opstest.Scene{{Seed: 1, Workers: 2, Memory: 4 << 20}, {Seed: 1, Workers: 5, Memory: 16 << 20, Scratch: t.TempDir()}} {
		got, err := opstest.Score(op, params, models, s)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%+v changes the metrics: %v\n%s", s, err, d)
		}
	}
	for says, s := range map[string]opstest.Scene{
		"raise --memory":                {Memory: 1 << 10},
		"NaN":                           {NaN: true},
		"held":                          {Empty: true},
		"does not match the vocabulary": {Foreign: true},
		"no config.json":                {Config: " "},
		"perceptron":                    {Config: `{"model_type": "perceptron"}`},
	} {
		if _, err := opstest.Score(op, params, models, s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: want an error with %q, got %v", s, says, err)
		}
	}
}
