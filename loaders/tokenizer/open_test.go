package tokenizer

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/tensor"
)

func data(name, content string) tensor.File {
	return tensor.File{Name: name, Data: []byte(content)}
}

const smallTokenizer = `{"version":"1.0","added_tokens":[{"id":3,"content":"<s>","special":true},{"id":4,"content":"</s>","special":true}],
"normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,
"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":1,"b":2},"unk_token":"<unk>"}}`

func TestConfiguration(t *testing.T) {
	k, err := Open([]tensor.File{
		data("tokenizer.json", smallTokenizer),
		data("special_tokens_map.json", `{"bos_token":{"content":"<s>"},"unk_token":"<unk>"}`),
		data("tokenizer_config.json", `{"eos_token":"</s>","add_bos_token":true,"add_eos_token":true,"chat_template":[{"name":"default","template":"old"},{"name":"rag","template":"R"}]}`),
		data("chat_template.jinja", "new"),
		data("additional_chat_templates/tool_use.jinja", "T"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := k.Encode("a b", Options{Add: true})
	if err != nil || !same(ids, []int32{3, 1, 2, 4}) {
		t.Errorf("%v, %v", ids, err)
	}
	if e, _ := k.EncodePair("a", "b", Options{Add: true}); !same(e.IDs, []int32{3, 1, 4, 3, 2, 4}) || !same(e.Types, []int32{0, 0, 0, 1, 1, 1}) {
		t.Errorf("a pair is %v", e)
	}
	if d := cmp.Diff([]string{"default", "rag", "tool_use"}, k.Templates()); d != "" {
		t.Error(d)
	}
	if s, _ := k.Template(""); s != "new" {
		t.Errorf("the template is %q", s)
	}
	if d := cmp.Diff(map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, k.Tokens()); d != "" {
		t.Error(d)
	}
	if id, ok := k.Named("eos"); !ok || id != 4 || !k.IsSpecial(id) || k.IsSpecial(1) {
		t.Errorf("eos is %d, %v", id, ok)
	}
	if k.Size() != 5 {
		t.Errorf("size %d", k.Size())
	}
	if s, ok := k.Token(3); s != "<s>" || !ok {
		t.Errorf("token 3 is %q", s)
	}
	if s := k.Decode([]int32{3, 1, 99, 2}, true); s != "a b" {
		t.Errorf("decoded %q", s)
	}
	plain, err := Parse([]byte(smallTokenizer))
	if err != nil || plain.Digest() == k.Digest() {
		t.Errorf("another post-processor has the same digest: %v", err)
	}
}

func TestBadFiles(t *testing.T) {
	if _, err := Open(nil); !errors.Is(err, ErrNone) {
		t.Errorf("no files: %v", err)
	}
	for name, c := range map[string][2]string{
		"syntax":       {"{\n \"version\": \"1.0\",\n \"model\": }", "tokenizer.json:3:11:"},
		"shape":        {"{\n \"added_tokens\": 3}", "tokenizer.json:2:"},
		"version":      {`{"version":"2.0"}`, `version "2.0"`},
		"no model":     {`{"version":"1.0"}`, "no model"},
		"model":        {`{"model":{"type":"Tiktoken"}}`, `model: the model "Tiktoken"`},
		"no type":      {`{"model":{"x":1}}`, "has no type"},
		"part":         {strings.Replace(smallTokenizer, "WhitespaceSplit", "Spaces", 1), `pre_tokenizer: the pre-tokenizer "Spaces"`},
		"normalizer":   {strings.Replace(smallTokenizer, `"normalizer":null`, `"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"X"}]}`, 1), "normalizer.normalizers[1]"},
		"field":        {strings.Replace(smallTokenizer, `"type":"WhitespaceSplit"`, `"type":"Digits","individual_digits":"yes"`, 1), "pre_tokenizer.individual_digits"},
		"behavior":     {strings.Replace(smallTokenizer, `"type":"WhitespaceSplit"`, `"type":"Punctuation","behavior":"Kept"`, 1), `"Kept"`},
		"pattern":      {strings.Replace(smallTokenizer, `"type":"WhitespaceSplit"`, `"type":"Split","pattern":{"Regex":"(a"}`, 1), "pre_tokenizer.pattern"},
		"added id":     {strings.Replace(smallTokenizer, `"id":4`, `"id":7`, 1), `"</s>" the id 7`},
		"id":           {strings.Replace(smallTokenizer, `"b":2`, `"b":2000000000`, 1), "is not in 0.."},
		"gap":          {strings.Replace(smallTokenizer, `"b":2`, `"b":10000000`, 1), `the id 10000000 of the token "b" is not in 0..`},
		"opposite":     {strings.Replace(smallTokenizer, `"type":"WhitespaceSplit"`, `"type":"Metaspace","prepend_scheme":"first","add_prefix_space":false`, 1), "opposite things"},
		"twice added":  {strings.Replace(smallTokenizer, `[{"id":3`, `[{"id":1,"content":"a"},{"id":1,"content":"a","special":true},{"id":3`, 1), "stands twice"},
		"nothing left": {strings.Replace(smallTokenizer, `"normalizer":null`, `"added_tokens":[{"id":3,"content":" ","normalized":true}],"normalizer":{"type":"Strip"}`, 1), "leaves nothing"},
		"two posts":    {strings.Replace(smallTokenizer, `"post_processor":null`, `"post_processor":{"type":"Sequence","processors":[{"type":"BertProcessing","sep":["a",1],"cls":["b",2]},{"type":"BertProcessing","sep":["a",1],"cls":["b",2]}]}`, 1), "post_processor.processors[1]"},
		"merge":        {`{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}`, "not in the vocabulary"},
		"merge of 3":   {`{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b c"]}}`, "two tokens and a space"},
		"merge list":   {`{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}`, "a merge has 1 tokens"},
		"unk":          {`{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"u"}}`, `"u" is not in`},
		"unk id":       {`{"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":5}}`, "unk_id is 5"},
		"score":        {`{"model":{"type":"Unigram","vocab":[["a"]]}}`, "1 fields"},
		"template":     {strings.Replace(smallTokenizer, `"post_processor":null`, `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}`, 1), "post_processor.single"},
		"charsmap":     {strings.Replace(smallTokenizer, `"normalizer":null`, `"normalizer":{"type":"Precompiled","precompiled_charsmap":"//8A"}`, 1), "cut short"},
		"deep":         {strings.Replace(smallTokenizer, `"normalizer":null`, `"normalizer":`+strings.Repeat(`{"type":"Sequence","normalizers":[`, 30)+strings.Repeat(`]}`, 30), 1), "too deep"},
		"fixed length": {strings.Replace(smallTokenizer, `"type":"WhitespaceSplit"`, `"type":"FixedLength","length":0`, 1), "at least 1"},
	} {
		if _, err := Parse([]byte(c[0])); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %q", name, err, c[1])
		}
	}
	for name, c := range map[string][2]string{
		"tokenizer_config.json": {`{"chat_template": 3}`, "tokenizer_config.json: chat_template"},
		"tokenizer.model":       {"not a model", "tokenizer.model: the model is not a sentencepiece model"},
	} {
		files := []tensor.File{data(name, c[0])}
		if name != "tokenizer.model" {
			files = append(files, data("tokenizer.json", smallTokenizer))
		}
		if _, err := Open(files); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %q", name, err, c[1])
		}
	}
	if _, err := Open([]tensor.File{{Name: "tokenizer.json", Path: "/no/such/file"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// What is checked against Python and noted in the specification.
func TestBrokenUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"a\xffb": "a\uFFFDb", "\xf0\x9f\x91": "\uFFFD", "\xf0\x9f\x41": "\uFFFDA", "\xed\xa0\x80": "\uFFFD\uFFFD\uFFFD",
		"\xc0\x80": "\uFFFD\uFFFD", "\xe4\xbd\xff": "\uFFFD\uFFFD", "\xf4\x90\x80\x80": "\uFFFD\uFFFD\uFFFD\uFFFD",
	} {
		if got := valid(in, false); got.s != want {
			t.Errorf("%q reads as %q, want %q", in, got.s, want)
		}
	}
	k := fromGolden(t, "bpe byte level")
	e, err := k.EncodeWithOffsets("a\xf0\x9f\x91b", Options{})
	if err != nil {
		t.Fatal(err)
	}
	first, last := e.Offsets[0], e.Offsets[len(e.Offsets)-1]
	if first != (Offset{0, 1}) || last != (Offset{4, 5}) {
		t.Errorf("offsets %v", e.Offsets)
	}
}

func TestLongTexts(t *testing.T) {
	for _, name := range []string{"bpe byte level", "bpe byte fallback", "unigram", "wordpiece", "bpe metaspace first"} {
		k := fromGolden(t, name)
		for _, s := range []string{strings.Repeat("a", 1<<17), strings.Repeat(" ", 10_000), strings.Repeat("👍", 10_000), strings.Repeat("hello, world ", 10_000)} {
			if ids, err := k.Encode(s, Options{}); err != nil || len(ids) == 0 && strings.TrimSpace(s) != "" {
				t.Errorf("%s: %.10q: %d ids, %v", name, s, len(ids), err)
			}
		}
	}
}

func TestManyGoroutines(t *testing.T) {
	k := fromGolden(t, "bpe byte level lowercase template")
	texts := []string{"The quick brown fox", "jumps <mask> over", "é漢字 123", strings.Repeat("lazy dog ", 50)}
	var want [][]int32
	for _, s := range texts {
		ids, err := k.Encode(s, Options{Add: true})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, ids)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 400 {
				n := i % len(texts)
				if ids, err := k.Encode(texts[n], Options{Add: true}); err != nil || !same(ids, want[n]) {
					t.Errorf("%q: %v, %v", texts[n], ids, err)
				}
			}
		})
	}
	wg.Wait()
}

// The two ways to merge agree.
func TestMerging(t *testing.T) {
	k := fromGolden(t, "bpe byte level")
	m := k.model.(remembered).model.(*bpe)
	for _, s := range []string{"the theory of", "aaaaaaaaaaaaaaaaaaaa", "shells on the sea shore", "\x00\xff\x80é"} {
		var few, many word
		few.bytes(m, s)
		many.bytes(m, s)
		few.symbols[len(few.symbols)-1].next = -1
		many.symbols[len(many.symbols)-1].next = -1
		few.mergeFew(m)
		many.mergeMany(m)
		if a, b := few.tokens(nil, 1<<30), many.tokens(nil, 1<<30); !same(a, b) {
			t.Errorf("%q: %v and %v", s, a, b)
		}
	}
}

// Text is never taken for control tokens unless asked, by no kind of model.
func TestTextForgesNoControlTokens(t *testing.T) {
	unigram := `{"added_tokens":[{"id":1,"content":"<s>","special":true}],"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["<s>",0],["a",-1],["<",-2],["s",-2],[">",-2]]}}`
	ignore := `{"added_tokens":[{"id":0,"content":"<s>","special":true}],"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"BPE","ignore_merges":true,"vocab":{"<s>":0,"<":1,"s":2,">":3,"a":4,"<s":5},"merges":["< s","<s >"]}}`
	words := `{"added_tokens":[{"id":1,"content":"<s>","special":true}],"pre_tokenizer":{"type":"Split","pattern":{"Regex":"<s>"},"behavior":"Isolated"},"model":{"type":"WordLevel","unk_token":"<unk>","vocab":{"<unk>":0,"<s>":1,"a":2}}}`
	for name, c := range map[string]struct {
		file string
		want []int32
	}{
		"unigram":   {unigram, []int32{2, 3, 4, 5, 3, 4, 5, 2}},
		"bpe":       {ignore, []int32{4, 1, 2, 3, 1, 2, 3, 4}},
		"wordlevel": {words, []int32{2, 0, 0, 0, 0, 2}},
	} {
		k, err := Parse([]byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		ids, err := k.Encode("a<s><s>a", Options{})
		if err != nil || !same(ids, c.want) {
			t.Errorf("%s: %v, want %v (%v)", name, ids, c.want, err)
		}
		e, err := k.EncodeWithOffsets("a<s><s>a", Options{})
		if err != nil || !same(e.IDs, c.want) || e.Offsets[1] != (Offset{1, 2}) {
			t.Errorf("%s: %v, %v", name, e, err)
		}
		if ids, _ := k.Encode("a<s><s>a", Options{Parse: true}); !forges(k, ids) {
			t.Errorf("%s: %v when asked to parse", name, ids)
		}
	}
}

// TestNamedTokensAreHeld: the end of a turn is not made of text either where its
// file does not call it special, as Command R's does.
func TestNamedTokensAreHeld(t *testing.T) {
	files := []tensor.File{
		data("tokenizer.json", `{"added_tokens":[{"id":5,"content":"<end>","special":false},{"id":6,"content":"<user>","special":false}],"pre_tokenizer":{"type":"Split","pattern":{"Regex":"."},"behavior":"Isolated"},
"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"<":1,"e":2,"n":3,"d":4}}}`),
		data("tokenizer_config.json", `{"eos_token":"<end>"}`),
	}
	k, err := Open(files)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := k.Encode("<end>", Options{}); err != nil || !same(ids, []int32{1, 2, 3, 4, 0}) {
		t.Errorf("text became %v (%v)", ids, err)
	}
	if ids, err := k.Encode("<end><user>", Options{Parse: true}); err != nil || !same(ids, []int32{5, 6}) {
		t.Errorf("asked to parse: %v (%v)", ids, err)
	}
	if k.IsSpecial(5) || k.Decode([]int32{5}, true) != "<end>" {
		t.Error("decoding passes over a token that is not special")
	}
	if s := k.Forged("a<user>b", "{{ '<user>' }}"); s != "<user>" {
		t.Errorf("forged is %q", s)
	}
	if s := k.Forged("a <end>", "{{ '<user>' }}"); s != "" {
		t.Errorf("forged is %q", s)
	}
}

// TestNormalizersForgeNoControlTokens: neither by characters that they make
// into those of a token, nor by a token that begins with the sign of a space.
func TestNormalizersForgeNoControlTokens(t *testing.T) {
	file := `{"added_tokens":[{"id":0,"content":"<s>","special":true,"normalized":true},{"id":6,"content":"Ġ<s>","special":true}],"normalizer":{"type":"NFKC"},
"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":false},
"model":{"type":"BPE","ignore_merges":true,"vocab":{"<s>":0,"<":1,"s":2,">":3,"a":4,"Ġ":5,"Ġ<s>":6},"merges":[["<","s"]]}}`
	file = strings.Replace(file, `"merges":[["<","s"]]`, `"merges":[]`, 1)
	k, err := Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int32{"＜s＞": {1, 2, 3}, " <s>": {5, 1, 2, 3}, "a ＜s＞": {4, 5, 1, 2, 3}} {
		if ids, err := k.Encode(text, Options{}); err != nil || !same(ids, want) {
			t.Errorf("%q became %v, want %v (%v)", text, ids, want, err)
		}
	}
}

// The numbers are what tokenizers 0.23.3 says of the same files.
func TestOddFiles(t *testing.T) {
	level := `"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1,"b":2}}`
	for name, c := range map[string]struct {
		file, text string
		want       []int32
		offsets    []Offset
		decoded    string
	}{
		// The white space that A takes is not there for another to take.
		"white space taken twice": {`{"added_tokens":[{"id":3,"content":"A","rstrip":true},{"id":4,"content":"  ","lstrip":true,"rstrip":true}],` + level + `}`, "A  a",
			[]int32{3, 1}, []Offset{{0, 3}, {3, 4}}, "A a"},
		"no decoders": {`{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"."},"behavior":"Isolated"},"decoder":{"type":"Sequence","decoders":[]},` + level + `}`, "ab", []int32{1, 2}, []Offset{{0, 1}, {1, 2}}, "ab"},
		"empty string replaced": {`{"normalizer":{"type":"Replace","pattern":{"String":""},"content":"b"},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"."},"behavior":"Isolated"},` + level + `}`, "a",
			[]int32{2, 1, 2}, nil, "b a b"},
		"empty match behind another":  {`{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a*"},"behavior":"MergedWithNext"},` + level + `}`, "ab", []int32{0}, []Offset{{0, 2}}, "?"},
		"word boundary":               {`{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\b"},"behavior":"Isolated"},` + level + `}`, "a½b", []int32{0}, []Offset{{0, 4}}, "?"},
		"token twice in a vocabulary": {`{"added_tokens":[{"id":4,"content":"<t>"}],"model":{"type":"Unigram","unk_id":0,"vocab":[["?",0],["a",-1],["b",-1],["a",-2]]}}`, "<t>b", []int32{4, 2}, []Offset{{0, 3}, {3, 4}}, "<t> b"},
		"unknown offsets":             {`{"post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},"model":{"type":"Unigram","unk_id":0,"vocab":[["?",0],["a",-1]]}}`, "aĠ", []int32{1, 0}, []Offset{{0, 1}, {3, 3}}, "a ?"},
	} {
		k, err := Parse([]byte(c.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, err := k.EncodeWithOffsets(c.text, Options{Parse: true, Add: true})
		if err != nil || !same(e.IDs, c.want) || c.offsets != nil && !same(e.Offsets, c.offsets) {
			t.Errorf("%s: %v, want %v %v (%v)", name, e, c.want, c.offsets, err)
		}
		if s := k.Decode(e.IDs, false); s != c.decoded {
			t.Errorf("%s: decoded %q, want %q", name, s, c.decoded)
		}
	}
}

// TestOverlappingAddedTokens: the reference breaks down on this text.
func TestOverlappingAddedTokens(t *testing.T) {
	k, err := Parse([]byte(`{"added_tokens":[{"id":1,"content":"A","rstrip":true},{"id":2,"content":" ","lstrip":true}],"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := k.Encode("A   b", Options{Parse: true}); err != nil || !same(ids, []int32{1, 0}) {
		t.Errorf("%v, %v", ids, err)
	}
}

// TestSameNormalizedTokens: which of two tokens is found does not change from one
// reading of a file to the next.
func TestSameNormalizedTokens(t *testing.T) {
	for range 50 {
		k, err := Parse([]byte(`{"added_tokens":[{"id":1,"content":"AB","normalized":true},{"id":2,"content":"Ab","normalized":true,"special":true},{"id":3,"content":"ab","normalized":true,"special":true}],"normalizer":{"type":"Lowercase"},"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if ids, _ := k.Encode("aB", Options{Parse: true}); !same(ids, []int32{2}) {
			t.Fatalf("got %v", ids)
		}
	}
}

// TestEnds: the tokenizer's end of a text, and those of generation_config.json,
// a number or a list.
func TestEnds(t *testing.T) {
	dir := "../../testdata/models/base/"
	for text, want := range map[string][]int32{"": {1}, "{}": {1}, `{"eos_token_id": null}`: {1}, `{"eos_token_id": 1}`: {1}, `{"eos_token_id": 7}`: {1, 7}, `{"eos_token_id": [7, 1, 9]}`: {7, 1, 9}} {
		var files []tensor.File
		for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
			files = append(files, tensor.File{Name: name, Path: dir + name})
		}
		if text != "" {
			files = append(files, tensor.File{Name: "generation_config.json", Data: []byte(text)})
		}
		k, err := Open(files)
		if err != nil || !slices.Equal(k.Ends(), want) {
			t.Errorf("%q: %v %v, want %v", text, k.Ends(), err, want)
		}
	}
	for _, text := range []string{`{"eos_token_id": "</s>"}`, `{"eos_token_id": [1.5]}`, "[]"} {
		_, err := Open([]tensor.File{{Name: "tokenizer.json", Path: dir + "tokenizer.json"}, {Name: "generation_config.json", Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), "generation_config.json") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
