package schema

import (
	"strings"
	"testing"
)

// TestDTypesCompared: a dtype is compared by any of its names.
func TestDTypesCompared(t *testing.T) {
	for src, want := range map[string]bool{
		`dtype == "bfloat16"`: true, `dtype == "BF16"`: true, `dtype == "bf16"`: true, `dtype == "torch.bfloat16"`: true, `"BF16" == dtype`: true,
		`dtype == "float32"`: false, `dtype != "F32"`: true, `dtype in ["F32", "BF16"]`: true, `dtype not in ["half", "float"]`: true,
		`dtype startsWith "bfloat"`: true, `dtype matches "^float"`: false, `lower(dtype) == "bfloat16"`: true, `not (dtype == "F8_E4M3") and name == "BF16"`: true,
	} {
		p, problems := CompilePredicate(src, Pos{}, "where")
		if problems != nil {
			t.Errorf("%s: %v", src, problems)
			continue
		}
		if got, err := p.Match(Env{Name: "BF16", DType: "bfloat16"}); err != nil || got != want {
			t.Errorf("%s: %t, %v", src, got, err)
		}
	}
}

// TestDTypesUnknown: a comparison that is false of every dtype is an error.
func TestDTypesUnknown(t *testing.T) {
	for src, want := range map[string]string{
		`dtype == "bloat16"`:                `there is no dtype "bloat16" (did you mean "bfloat16"?)`,
		`name == "x" and dtype == "BF-16"`:  `there is no dtype "BF-16" (did you mean "BF16"?)`,
		`dtype in ["float32", "torch.f61"]`: `there is no dtype "torch.f61"`,
		`dtype == "Q4_0"`:                   `there is no dtype "Q4_0"`,
		`dtype startsWith "BF"`:             `the name of no dtype startsWith "BF": dtypes are called as in bfloat16`,
	} {
		_, problems := CompilePredicate(src, Pos{}, "where")
		if problems == nil || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", src, problems, want)
		}
	}
}
