// Package quantize holds the ops that store weights in fewer bits.
package quantize

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set

// linears is what is quantized unless the recipe says otherwise: the matrices
// of the layers, which inference engines multiply by.
const linears = `rows > 1 and layer >= 0 and kind not in ["norm", "moe.router", "bias", "other"]`
