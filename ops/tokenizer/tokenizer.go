// Package tokenizer holds the ops that change which token each row of a
// model's embedding and head stands for, and the tokenizer files with them.
package tokenizer

import "github.com/rouxml/roux/ops"

// Set is the family's ops.
var Set ops.Set
