package evaluate

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/schema"
)

// fullSink has room for so many rows.
type fullSink struct {
	room, rows atomic.Int64
	begun      bool
}

var errFull = errors.New("no room")

func (s *fullSink) Begin(int, int, int, []int32) error { s.begun = true; return nil }

func (s *fullSink) Row(int, int, []float32) error {
	if s.rows.Add(1) > s.room.Load() {
		return errFull
	}
	return nil
}

// TestFullSink: the first row that cannot be kept ends the run.
func TestFullSink(t *testing.T) {
	d := &ops.Data{Name: "held", Texts: []string{strings.Repeat("what is said ", 60)}, Length: 90}
	for _, workers := range []int{1, 2} {
		x := &ops.Trial{Models: []ops.Subject{opstest.Scene{}.Subject(0)}, Data: []*ops.Data{d}, Workers: workers, Memory: 1 << 28}
		sink := &fullSink{}
		sink.room.Store(40)
		err := Predict(t.Context(), x, sink)
		if !errors.Is(err, errFull) || !sink.begun {
			t.Errorf("%v", err)
		}
		if n := sink.rows.Load(); n > 40+2*logitRows {
			t.Errorf("%d rows were computed, and there was room for 40", n)
		}
	}
}

// TestAfford: what is kept of many tokens is held to the budget, and rooms are as
// many as there is memory for.
func TestAfford(t *testing.T) {
	d := &ops.Data{Name: "held"}
	x := &ops.Trial{Data: []*ops.Data{d, d}, Workers: 8, Memory: 8 << 20}
	within, err := afford(x, d, 1000, 1000, 300<<10)
	if err != nil || within.Workers != 3 || x.Workers != 8 {
		t.Errorf("%+v %v", within, err)
	}
	if _, err := afford(x, d, 1049, 1000, 1<<20); err == nil || !strings.Contains(err.Error(), "data held: what is kept of 1049 scored tokens takes 1.0 MB beside what runs the models, and the budget leaves 1.0 MB: raise --memory, or say fewer samples") {
		t.Error(err)
	}
	if _, err := afford(x, d, 1, 100, 3<<20); err == nil {
		t.Error("a room of three eighths of the memory")
	}
	long := &ops.Data{Name: "held", Texts: []string{strings.Repeat("what is said ", 1200)}, Length: 24}
	y := &ops.Trial{Data: []*ops.Data{long}, Workers: 1, Memory: 8 << 20}
	for i := range 3 {
		y.Models = append(y.Models, opstest.Scene{}.Subject(i))
	}
	p := &combine{How: "dynamic", Protocol: "begin", Models: make([]weighted, 2)}
	if _, err := runCombine(t.Context(), p, y); err == nil || !strings.Contains(err.Error(), "what is kept of 15600 scored tokens takes 3.1 MB") {
		t.Error(err)
	}
	kl := &divergence{Reference: schema.Ref{Name: "a"}, Protocol: "begin"}
	y.Models, y.Memory = y.Models[:2], 6<<20
	if _, err := runKL(t.Context(), kl, y); err == nil || !strings.Contains(err.Error(), "what is kept of 15600 scored tokens takes 2.0 MB") {
		t.Error(err)
	}
}

// TestOneVocabulary: models whose tokens differ are told apart by their headers.
func TestOneVocabulary(t *testing.T) {
	a, b := opstest.Scene{}.Subject(0).Header, opstest.Scene{}.Subject(1).Header
	if err := oneVocabulary([]ops.Header{a, b}); err != nil {
		t.Error(err)
	}
	b.Config = []byte(strings.Replace(string(b.Config), `"vocab_size": 260`, `"vocab_size": 300`, 1))
	err := oneVocabulary([]ops.Header{a, b})
	if err == nil || !strings.Contains(err.Error(), "have different vocabularies, of 260 and 300 tokens, so their predictions do not compare: leave") {
		t.Error(err)
	}
}
