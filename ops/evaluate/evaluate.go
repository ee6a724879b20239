// Package evaluate holds the ops that measure models instead of changing them.
package evaluate

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set
