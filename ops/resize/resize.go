// Package resize holds the ops that change how many layers or rows a model has.
package resize

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set
