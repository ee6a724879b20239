package vocab

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// files are tokenizers of every kind, written by the tokenizers package
// 0.23.3; added.json is what it makes of each after extra was added.
var files = []string{"bytefallback", "bytelevel", "unigram", "wordpiece"}

var extra = []Added{Plain("<|x|>"), Plain("th"), {Content: "</s>", Special: true}, {Content: "<|tool|>", Special: true, LStrip: true}, {Content: "<|x|>", Special: true}}

func text(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, name string) *Tokenizer {
	t.Helper()
	v, err := Parse(text(t, name))
	if err != nil {
		t.Fatal(name, err)
	}
	return v
}

// TestRoundTrip: what is read and not changed is written to the byte.
func TestRoundTrip(t *testing.T) {
	for _, name := range files {
		got, err := open(t, name).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(text(t, name)) {
			t.Errorf("%s is written otherwise than it was read", name)
		}
	}
}

// TestAdd: ids of added tokens are those of the tokenizers package, which
// keeps the first definition of a token.
func TestAdd(t *testing.T) {
	var want map[string]map[string]int
	if err := json.Unmarshal(text(t, "added"), &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		v := open(t, name)
		before := v.Clone()
		for _, a := range extra {
			if _, err := v.Add(a); err != nil {
				t.Fatal(err)
			}
		}
		if !maps.Equal(v.ids, want[name]) {
			t.Errorf("%s: ids differ from those of the tokenizers package", name)
		}
		if !Equal(before, open(t, name)) {
			t.Errorf("%s: adding changed the copy", name)
		}
		again, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Parse(again); err != nil || !Equal(r, v) {
			t.Errorf("%s: not read again as it was written: %v", name, err)
		}
	}
}

// TestKinds: model, spelling and word start are told from the file.
func TestKinds(t *testing.T) {
	want := map[string]string{"bytefallback": "BPE, byte-fallback ▁", "bytelevel": "BPE, byte-level Ġ", "unigram": "Unigram, plain ▁", "wordpiece": "WordPiece, wordpiece "}
	for _, name := range files {
		v := open(t, name)
		if got := v.Describe() + " " + v.WordStart(); got != want[name] {
			t.Errorf("%s is %q, want %q", name, got, want[name])
		}
		for _, other := range files {
			if err := Mismatch(v, open(t, other)); (err == nil) != (name == other) {
				t.Errorf("%s and %s: %v", name, other, err)
			}
		}
	}
	err := Mismatch(open(t, "bytelevel"), open(t, "unigram"))
	for _, word := range []string{"BPE, byte-level", "Unigram", "scores", "spelled otherwise"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

// TestStrip: tokens beyond the rows go, with the merges that read or make them.
func TestStrip(t *testing.T) {
	v := open(t, "bytelevel")
	gone, err := v.Strip(66)
	if err != nil || len(gone) != 10 || v.Size() != 66 {
		t.Fatalf("%d tokens gone, %d left, %v", len(gone), v.Size(), err)
	}
	var merges [][2]string
	if err := json.Unmarshal(v.model.get("merges"), &merges); err != nil {
		t.Fatal(err)
	}
	for _, m := range merges {
		if _, ok := v.ID(m[0] + m[1]); !ok {
			t.Errorf("merge %v makes a token that is gone", m)
		}
	}
	if len(merges) == 0 {
		t.Error("all merges are gone")
	}
	if _, err := open(t, "wordpiece").Strip(3); err == nil {
		t.Error("a token of the post-processor was stripped")
	}
	if _, err := open(t, "unigram").Strip(2); err == nil {
		t.Error("the unknown token was stripped")
	}
}

// TestCompact: gaps close, in the order of the ids, and the post-processor
// follows.
func TestCompact(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(text(t, "wordpiece"), &doc); err != nil {
		t.Fatal(err)
	}
	ids := doc["model"].(map[string]any)["vocab"].(map[string]any)
	for token, id := range ids {
		if id.(float64) > 1 {
			ids[token] = id.(float64) + 5
		}
	}
	for _, a := range doc["added_tokens"].([]any) {
		if m := a.(map[string]any); m["id"].(float64) > 1 {
			m["id"] = m["id"].(float64) + 5
		}
	}
	spread, _ := json.Marshal(doc)
	v, err := Parse(spread)
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := v.Gap(); !ok || at != 2 {
		t.Errorf("gap at %d, %v", at, ok)
	}
	if _, err := v.Add(Plain("new")); err == nil {
		t.Error("a token was added behind a gap")
	}
	old, err := v.Compact()
	if err != nil {
		t.Fatal(err)
	}
	if want := open(t, "wordpiece"); !Equal(v, want) || !reflect.DeepEqual(postOf(t, v), postOf(t, want)) {
		t.Error("renumbering does not give what was before")
	}
	if !slices.IsSorted(old) || old[2] != 7 {
		t.Errorf("old ids %v", old[:4])
	}
}

func postOf(t *testing.T, v *Tokenizer) (post any) {
	t.Helper()
	if err := json.Unmarshal(v.top.get("post_processor"), &post); err != nil {
		t.Fatal(err)
	}
	return post
}

// TestBad: what cannot be a tokenizer is an error that says what is wrong.
func TestBad(t *testing.T) {
	for text, want := range map[string]string{
		``:                "JSON",
		`[]`:              "object",
		`{"model": null}`: "model",
		`{"model": {"type": "Magic", "vocab": {}}}`:                                                                     `"Magic"`,
		`{"model": {"type": "BPE"}}`:                                                                                    "missing",
		`{"model": {"type": "BPE", "vocab": {"a": -1}}}`:                                                                "id -1",
		`{"model": {"type": "BPE", "vocab": {"a": 99999999999}}}`:                                                       "9999",
		`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 9000000}}}`:                                                   `token "b" has the id 9000000, and a vocabulary of 2 tokens may use 0..65552`,
		`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}`:                                                         "one id",
		`{"model": {"type": "Unigram", "vocab": [["a"]]}}`:                                                              "no piece",
		`{"model": {"type": "Unigram", "vocab": [["a", "b"]]}}`:                                                         "entry 0",
		`{"model": {"type": "BPE", "vocab": {"a": 0}}, "added_tokens": [{"id": 7, "content": "x"}]}`:                    "would be loaded with 1",
		`{"model": {"type": "BPE", "vocab": {"a": 0}}, "post_processor": {"type": "BertProcessing", "sep": ["x", 1]}}`:  "lacks",
		`{"model": {"type": "BPE", "vocab": {"a": 0}}, "post_processor": {"special_tokens": {"x": {"tokens": ["x"]}}}}`: "lacks",
		`{"model": {"type": "BPE", "vocab": {"a": 0}}, "model": {"type": "BPE", "vocab": {"a": 0}}}`:                    "twice",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse: no input panics, and what is read is written so that it is read
// alike.
func FuzzParse(f *testing.F) {
	for _, name := range files {
		f.Add(text(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Parse(b)
		if err != nil {
			return
		}
		_, _ = v.Clone().Strip(v.Size() / 2)
		_, _ = v.Clone().Compact()
		out, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(out); err != nil || !Equal(v, again) {
			t.Fatalf("not read again: %v\n%s", err, out)
		}
	})
}

// TestStripInsideWords: a merge makes a piece without the prefix of its second.
func TestStripInsideWords(t *testing.T) {
	tok, err := Parse([]byte(`{"model": {"type": "BPE", "continuing_subword_prefix": "##", "vocab": {"a": 0, "##b": 1, "ab": 2}, "merges": [["a", "##b"]]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Strip(2); err != nil {
		t.Fatal(err)
	}
	text, err := tok.Encode()
	if err != nil || !strings.Contains(string(text), `"merges": []`) {
		t.Errorf("%s (%v)", text, err)
	}
}
