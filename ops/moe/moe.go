// Package moe holds the ops that build mixtures of experts and change how
// their weights are laid out.
package moe

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set
