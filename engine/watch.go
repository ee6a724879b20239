package engine

import (
	"fmt"
	"sync/atomic"

	"github.com/rouxml/roux/tensor/kernel"
)

// watch counts NaN and Inf in what passes by and applies the policy.
type watch struct {
	policy   NaNPolicy
	nan, inf atomic.Int64
}

func newWatch(p NaNPolicy) *watch { return &watch{policy: p} }

// see counts, zeroes if the policy says so, and reports whether it changed
// anything.
func (w *watch) see(vals []float32) bool {
	nan, inf := kernel.CountNonFinite(vals)
	if nan+inf == 0 {
		return false
	}
	w.nan.Add(int64(nan))
	w.inf.Add(int64(inf))
	if w.policy != NaNZero {
		return false
	}
	for i, v := range vals {
		if v-v != 0 { // true for NaN and Inf alone
			vals[i] = 0
		}
	}
	return true
}

// verdict warns or fails once the tensor has passed.
func (w *watch) verdict(o Options, name string) error {
	nan, inf := w.nan.Load(), w.inf.Load()
	if nan+inf == 0 {
		return nil
	}
	text := fmt.Sprintf("tensor %s has %d NaN and %d Inf elements", name, nan, inf)
	if w.policy == NaNError {
		return fmt.Errorf("%d NaN and %d Inf elements (nan: error); find the step that makes them, or run with --nan keep or --nan zero", nan, inf)
	}
	if w.policy == NaNZero {
		text += "; written as zero"
	}
	o.emit(Warning{Text: text})
	return nil
}
