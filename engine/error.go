package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

// Error places a failure: which step, op and tensor, and where in the recipe.
type Error struct {
	Pos    schema.Pos
	Step   string // or the input's name
	Op     string // empty for an input
	Tensor string
	Err    error
}

// Error names the place once and then the cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos.Line > 0 {
		fmt.Fprintf(&b, "%s: ", e.Pos)
	}
	if e.Op == "" {
		fmt.Fprintf(&b, "model %s", e.Step)
	} else {
		fmt.Fprintf(&b, "step %s (%s)", e.Step, e.Op)
	}
	if e.Tensor != "" {
		fmt.Fprintf(&b, ", tensor %s", e.Tensor)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// place wraps err with the step and tensor unless it has a place already.
func (n *node) place(tensorName string, err error) error {
	var placed *Error
	if err == nil || errors.As(err, &placed) {
		return err
	}
	if n.step == nil {
		return &Error{Step: n.name, Tensor: tensorName, Err: err}
	}
	pos := n.step.OpPos
	var at *ops.At
	if errors.As(err, &at) && at.Pos.Line > 0 {
		pos = at.Pos
	}
	return &Error{Pos: pos, Step: n.name, Op: n.step.Op, Tensor: tensorName, Err: err}
}

// GateError says which gates of the recipe did not hold.
type GateError struct{ Failed []string }

// Error lists the gates that failed.
func (e *GateError) Error() string {
	return "gate not passed: " + strings.Join(e.Failed, "; ")
}

// PlanError is a recipe that cannot be planned: a model that is missing, ops
// that do not fit the models, an output that its format cannot store.
type PlanError struct{ Err error }

// Error is the cause's.
func (e *PlanError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *PlanError) Unwrap() error { return e.Err }
