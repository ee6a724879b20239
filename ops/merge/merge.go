// Package merge holds the ops that make one model of several.
package merge

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

// Set is the family's ops.
var Set ops.Set

// weighted is a model with its weight.
type weighted struct {
	Model  schema.Ref   `yaml:"model" doc:"model or step that takes part"`
	Weight schema.Curve `yaml:"weight" default:"1" doc:"share of the model; 0 is the same as leaving it out"`
}

// FromScalar lets a model be named alone.
func (*weighted) FromScalar() string { return "model" }
