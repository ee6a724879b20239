package moe

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
)

const hiddenParams = `{base: a, family: mixtral, gate_mode: MODE, experts: [
  {model: b, positive_tokens: [[1, 2, 3], [4, 5, 6, 7, 8]], negative_tokens: [[9, 9, 9, 9]]},
  {model: c, positive_tokens: [[10, 11]]}, {model: d, positive_tokens: [[7]], negative_tokens: [[8], [1, 2, 3]]}]}`

func studyOf(t *testing.T, mode string, x ops.Trial) (ops.Result, error) {
	t.Helper()
	op := opOf(t, "moe.from_dense")
	params := opstest.Decode(t, op, strings.Replace(hiddenParams, "MODE", mode, 1))
	if ports := op.Study.Ports(params); !slices.Equal(ports, []int{0}) {
		t.Fatalf("runs %v", ports)
	}
	x.Models = []ops.Subject{opstest.Scene{}.Subject(0)}
	return op.Study.Run(context.Background(), params, &x)
}

// TestStudy: rows have length one, in every layer their own; the mean of a
// prompt of one token is its last; workers and memory change no bit.
func TestStudy(t *testing.T) {
	last, err := studyOf(t, "hidden", ops.Trial{Workers: 1, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	rows := last.Items["layer 1"]
	if len(last.Items) != 2 || len(rows) != 3*32 || slices.Equal(rows, last.Items["layer 0"]) {
		t.Fatalf("%d layers, %d numbers", len(last.Items), len(rows))
	}
	for i := range 3 {
		sum := 0.0
		for _, v := range rows[i*32 : (i+1)*32] {
			sum += v * v
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("row %d has length %v", i, math.Sqrt(sum))
		}
	}
	mean, err := studyOf(t, "hidden_avg", ops.Trial{Memory: 1 << 30})
	if err != nil || slices.Equal(rows[:32], mean.Items["layer 1"][:32]) {
		t.Errorf("the mean is the last token: %v", err)
	}
	for _, x := range []ops.Trial{{Workers: 3, Memory: 1 << 30}, {Workers: 2, Memory: 4 << 20, Scratch: t.TempDir()}} {
		got, err := studyOf(t, "hidden_last", x)
		if err != nil || !slices.Equal(got.Items["layer 1"], rows) {
			t.Errorf("%d workers, %d bytes: other bits: %v", x.Workers, x.Memory, err)
		}
	}
	if _, err := studyOf(t, "hidden", ops.Trial{Memory: 1 << 10}); err == nil || !strings.Contains(err.Error(), "over the 19 tokens of all prompts takes about") {
		t.Errorf("a kilobyte is enough: %v", err)
	}
	op := opOf(t, "moe.from_dense")
	if ports := op.Study.Ports(opstest.Decode(t, op, "{base: a, experts: [b, c], gate_mode: random}")); ports != nil {
		t.Errorf("random routers run %v", ports)
	}
}
