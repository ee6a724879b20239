package mergekit

import "strings"

// lean takes the last cast out again, in an import, where it says the dtype that
// all models were cast to: what is computed of that dtype has it.
func (c *compiler) lean(last string) string {
	n := get(c.steps, last)
	if c.opt.Stored == nil || c.dtype == nil || c.widens() || !strings.HasPrefix(last, "cast-out") || n == nil {
		return last
	}
	if d := get(n, "dtype"); d == nil || d.Value != c.dtype.Value {
		return last
	}
	drop(c.steps, last)
	return get(n, "model").Value
}
