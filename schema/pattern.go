package schema

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression that is compiled when it is first asked for:
// those that only errors need would otherwise cost every start.
func Pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
