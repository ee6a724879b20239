package ops

import "github.com/rouxml/roux/schema"

// At is an error about one place of the recipe, which the engine names in the
// place of the step's own. Its text leaves the place out.
type At struct {
	Pos schema.Pos
	Err error
}

// Error is the cause's.
func (a *At) Error() string { return a.Err.Error() }

// Unwrap returns the cause.
func (a *At) Unwrap() error { return a.Err }
