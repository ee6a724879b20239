package tokenizer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// split patterns as tokenizer files hold them.
var splits = map[string]string{
	"gpt2":     `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	"llama3":   `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"cl100k":   `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"qwen2":    `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"qwen3.5":  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"o200k":    `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"tekken":   `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"numbers":  `\p{N}{1,3}`,
	"number":   `\p{N}`,
	"cjk":      "[一-龥\u3040-ゟ゠-ヿ]+",
	"deepseek": "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
}

// alphabet has what the patterns tell apart, often.
var alphabet = []rune(" \t\n\r'sStTlLrReEvVmMdDaA019½Ⅷ٣.,!/-_$éÉ\u0301\u0308漢かーǅʰĞ'’👍\u200d\u00a0\u3000\u2028\x1c\x85ſK▁Ġ<|>\u0903\u20dd\U0001E900\U000E0001ªǀ")

// text draws a string; characters that only the reference's Unicode knows are
// left out, for the general engine goes by Go's.
func draw(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		r := alphabet[rng.IntN(len(alphabet))]
		if rng.IntN(8) == 0 {
			r = rng.Int32N(0x3000)
		}
		if !unicode.In(r, moreLu, moreLl, moreLm, moreLo, moreM, moreN, moreP, moreS) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestHandWrittenMatchersAgreeWithTheEngine(t *testing.T) {
	for name, expr := range splits {
		t.Run(name, func(t *testing.T) {
			fast := wellKnown(expr)
			if fast == nil {
				t.Fatal("not recognised")
			}
			slow, err := compileRegex(expr)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for range 4_000 {
				s := valid(draw(rng, 1+rng.IntN(12)), true).s
				steps := searchSteps(len(s))
				got, _ := findAll(fast, s, &steps)
				want, err := findAll(slow, s, &steps)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got, cmp.AllowUnexported(cut{})); d != "" {
					t.Fatalf("%q (-engine +matcher):\n%s", s, d)
				}
			}
		})
	}
}

func TestOnigurumaPatterns(t *testing.T) {
	for _, c := range []struct {
		expr, s string
		want    []string
	}{
		{`a++b|a`, "aab aa", []string{"aab", "a", "a"}},
		{`(?:ab)++ab`, "abab", nil},
		{`a{1,2}+`, "aaaaa", []string{"aaaaa"}}, // after braces + is a quantifier of its own
		{`a{,2}b`, "aaab", []string{"aab"}},
		{`[[:digit:]a-c]+`, "xa1z", []string{"a1"}},
		{`[a[bc]]+`, "abcd", []string{"abc"}},
		{`[]a]+`, "x]a", []string{"]a"}},
		{`\h+`, "xAf9g", []string{"Af9"}},
		{`(?m:a.b)`, "a\nb", []string{"a\nb"}},
		{`a.b`, "a\nb", nil},
		{`^b`, "a\nb", []string{"b"}},
		{`\p{^L}+`, "ab12", []string{"12"}},
		{`(?<x>a)b|(?i)C`, "abc", []string{"ab", "c"}},
		{`(?<=a)b(?=c)`, "abc b", []string{"b"}},
		{`\w|(?<=x)[\w]`, "½x½", []string{"½", "x", "½"}},
		{`[\w&&[^a]]+`, "½baé", []string{"b", "é"}},
		{`[a[^b]]`, "ab", []string{"a"}},
		{`a*`, "aab", []string{"aa", ""}},
		{`\b`, "a·b", []string{"", "", "", ""}},
		{`(?<=a|bc)d`, "adbcd", []string{"d", "d"}},
		{`(a|b)\1`, "abba", []string{"bb"}},
		{`(?:ab?)*?c`, "aabc", []string{"aabc"}},
		{`[a-z&&[^aeiou]]+`, "hello", []string{"h", "ll"}},
		{`(?i)\p{Lu}`, "aBcÉé", []string{"B", "É"}},
		{`\x{6F22}`, "漢", []string{"漢"}},
	} {
		p, err := compile(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		var got []string
		steps := searchSteps(len(c.s))
		if err := p.each(c.s, &steps, func(a, b int) { got = append(got, c.s[a:b]) }); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s on %q (-want +got):\n%s", c.expr, c.s, d)
		}
	}
	for _, expr := range []string{`a)`, `*a`, `(?~a)`, `(?<=a+)b`, `\p{Nowhere}`, `a{2,1}`, `(?i)ss`, `(?i)[^a]`, `\K`, `\2(a)`, `(?:){1000}{1000}{1000}`, strings.Repeat(`(?:a|`, 99) + `(?<=` + strings.Repeat(`(?:a|`, 99), `[a`, `\`, `\X`, `(?<`, `[[:no:]]`, `\p{L`, `(`, strings.Repeat("a", maxPattern+1)} {
		if _, err := compile(expr); err == nil {
			t.Errorf("%.20q: no error", expr)
		}
	}
}

// TestEndlessPatternsAreErrors: what a pattern may take is counted in steps, so
// that the same text is refused on any machine.
func TestEndlessPatternsAreErrors(t *testing.T) {
	for expr, c := range map[string]struct {
		text string
		want error
	}{
		`(a+)+$`:     {strings.Repeat("a", 60) + "b", errSlow},
		`(a|aa)+$`:   {strings.Repeat("a", 60) + "b", errSlow},
		`(a*)*\1c`:   {strings.Repeat("a", 60), errSlow},
		`a*a*a*a*c`:  {strings.Repeat("a", 4000), errSlow},
		`(?:ab)*c`:   {strings.Repeat("ab", 1<<23), errWays},
		`(?=(a+)+$)`: {strings.Repeat("a", 60) + "b", errSlow},
	} {
		p, err := compileRegex(expr)
		if err != nil {
			t.Fatal(err)
		}
		steps := searchSteps(len(c.text))
		if _, err := findAll(p, c.text, &steps); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", expr, err, c.want)
		}
	}
}

// TestManySearchesShareTheirSteps: many matches none of which is too slow do not
// add up to a search without end either.
func TestManySearchesShareTheirSteps(t *testing.T) {
	p, err := compileRegex(`a`)
	if err != nil {
		t.Fatal(err)
	}
	steps := int64(100)
	for range 20 {
		if _, err = findAll(p, strings.Repeat("ab", 5), &steps); err != nil {
			break
		}
	}
	if !errors.Is(err, errSlow) {
		t.Errorf("got %v", err)
	}
}

func TestASCIIClasses(t *testing.T) {
	for r, got := range asciiBits {
		if want := lookup(rune(r)); got != want {
			t.Errorf("%q: %b, want %b", rune(r), got, want)
		}
	}
}

func TestLowerOrder(t *testing.T) {
	if !slices.IsSortedFunc(moreLower[:], func(a, b [2]rune) int { return int(a[0] - b[0]) }) {
		t.Error("moreLower is searched, and is not in order")
	}
	for _, p := range moreLower {
		if got := lower(p[0]); got != string(p[1]) {
			t.Errorf("%X becomes %q", p[0], got)
		}
	}
}
