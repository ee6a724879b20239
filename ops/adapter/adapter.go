// Package adapter holds the ops that make or change LoRA adapters.
package adapter

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set
