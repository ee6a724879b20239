// Package edit holds the ops that change weights element by element.
package edit

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set
