// Package all is the bill of materials: every op that roux knows.
package all

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/adapter"
	"github.com/rouxml/roux/ops/edit"
	"github.com/rouxml/roux/ops/evaluate"
	"github.com/rouxml/roux/ops/lowrank"
	"github.com/rouxml/roux/ops/merge"
	"github.com/rouxml/roux/ops/moe"
	"github.com/rouxml/roux/ops/prune"
	"github.com/rouxml/roux/ops/quantize"
	"github.com/rouxml/roux/ops/resize"
	"github.com/rouxml/roux/ops/tokenizer"
)

// Registry returns every op.
func Registry() (*ops.Registry, error) {
	return ops.NewRegistry(&adapter.Set, &edit.Set, &evaluate.Set, &lowrank.Set, &merge.Set, &moe.Set, &prune.Set, &quantize.Set, &resize.Set, &tokenizer.Set)
}
