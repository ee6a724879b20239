// Package lowrank holds the ops that replace matrices by ones of lower rank.
package lowrank

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set

// linears is what is decomposed unless the recipe says otherwise: the matrices
// of the layers.
const linears = `rows > 1 and layer >= 0 and kind not in ["norm", "moe.router", "bias", "other"]`
