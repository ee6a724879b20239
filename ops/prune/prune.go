// Package prune holds the ops that set weights to zero.
package prune

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set

// linears is where pruning makes sense unless the recipe says otherwise: the
// matrices of the layers.
const linears = `rows > 1 and layer >= 0 and kind not in ["norm", "moe.router"]`
