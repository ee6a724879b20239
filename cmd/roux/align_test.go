package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// small is a model of a few rows, whose row i of the embedding is [v, v+0.5]
// with v = scale*(i+1), the head 10 times that, and the head's bias v.
type small struct {
	tokens []string // ordinary ones; <s> and what begins with <| are added tokens
	rows   int      // 0: as many as tokens
	scale  float32
	tied   bool // no head, and no bias
	config string
	files  map[string]string
}

func (m small) write(t *testing.T, dir string) {
	t.Helper()
	if m.rows == 0 {
		m.rows = len(m.tokens)
	}
	var embed, head, bias []float32
	for i := range m.rows {
		v := m.scale * float32(i+1)
		embed, head, bias = append(embed, v, v+0.5), append(head, 10*v, 10*v+5), append(bias, v)
	}
	header, data := map[string]any{}, []byte{}
	add := func(name string, v []float32, shape ...int) {
		from := len(data)
		for _, x := range v {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{from, len(data)}}
	}
	add("model.embed_tokens.weight", embed, m.rows, 2)
	if !m.tied {
		add("lm_head.weight", head, m.rows, 2)
		add("lm_head.bias", bias, m.rows)
	}
	add("model.norm.weight", []float32{1, m.scale}, 2)
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "model.safetensors"), append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), append(text, data...)...))
	ids, added := map[string]int{}, []map[string]any{}
	for i, tok := range m.tokens {
		if tok == "<s>" || strings.HasPrefix(tok, "<|") {
			added = append(added, map[string]any{"id": i, "content": tok, "special": true})
		} else if len(added) > 0 && len(ids) == 0 {
			t.Fatal("ordinary tokens come first")
		}
		if !strings.HasPrefix(tok, "<|") {
			ids[tok] = i
		}
	}
	vocabulary, err := json.Marshal(map[string]any{"added_tokens": added, "model": map[string]any{"type": "WordLevel", "vocab": ids, "unk_token": "a"}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "tokenizer.json"), vocabulary)
	put(t, filepath.Join(dir, "config.json"), []byte(fmt.Sprintf(`{"model_type": "tiny", "vocab_size": %d%s}`, m.rows, m.config)))
	for name, text := range m.files {
		put(t, filepath.Join(dir, name), []byte(text))
	}
}

// aligned runs a step over models a and b and returns the tensors.
func aligned(t *testing.T, a, b small, step string) (dir string, tensors map[string][]float32) {
	t.Helper()
	dir = bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {a: ./a, b: ./b}\nsteps: {m: {op: tokenizer.align, " + step + "}}\noutputs: {x: {from: m, path: ./out}}\n"})
	a.write(t, filepath.Join(dir, "a"))
	b.write(t, filepath.Join(dir, "b"))
	if code, _, stderr := roux("run", "r.yaml"); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	return dir, tensorsOf(t, filepath.Join(dir, "out"))
}

// firsts are the first elements of the rows of a table of two columns.
func firsts(v []float32) []float32 {
	var out []float32
	for i := 0; i < len(v); i += 2 {
		out = append(out, v[i])
	}
	return out
}

// TestAlignRows: which model's row stands for each token, by the params. a has
// rows 1, 2, 3, 4 and b 100, 200, 300, 400, 500.
func TestAlignRows(t *testing.T) {
	a := small{tokens: []string{"a", "b", "<s>"}, rows: 4, scale: 1}
	b := small{tokens: []string{"b", "a", "<s>", "c", "<|x|>"}, scale: 100}
	for _, c := range []struct {
		name, step string
		want       []float32
	}{
		{"own rows, then the only model's; a row without a token keeps its place or is filled", "model: a, models: [a, b], base: a", []float32{1, 2, 3, 400, 500}},
		{"the other model", "model: b, models: [a, b], base: a", []float32{200, 100, 300, 400, 500}},
		{"added tokens alone, and the base's row that no token has", "model: b, models: [a, b], base: a, source: special", []float32{200, 100, 300, 500}},
		{"the base's vocabulary", "model: b, models: [a, b], base: a, source: base", []float32{200, 100, 300, 4}},
		{"trimmed", "model: b, models: [a, b], base: a, source: base, trim: true", []float32{200, 100, 300}},
		{"another's tokenizer", "model: a, models: [a, b], like: b", []float32{2, 1, 3, 400, 500}},
		{"padding is the mean", "model: b, models: [a, b], base: a, pad_to_multiple_of: 4", []float32{200, 100, 300, 400, 500, 300, 300, 300}},
		{"a new token of the base's row goes first", "model: a, models: [a, b], base: b, tokens: [{token: n, from: b, as: c}]", []float32{2, 1, 3, 400, 500, 400}},
		{"forced", "model: a, models: [a, b], tokens: [{token: b, from: b, force: true}, {token: a, zero: true, force: true}]", []float32{0, 100, 3, 400, 500}},
		{"the mean, forced", "model: a, models: [a, b], base: a, tokens: [{token: a, mean: true, force: true}]", []float32{100.5, 2, 3, 400, 500}},
		{"the base's row, forced", "model: b, models: [a, b], base: a, tokens: [{token: a, force: true}]", []float32{1, 100, 300, 400, 500}},
		{"no base: the mean, forced", "model: b, models: [a, b], tokens: [{token: a, force: true}]", []float32{100.5, 100, 300, 400, 500}},
		{"by id", "model: a, models: [a, b], tokens: [{token: n, from: b, id: 0}]", []float32{1, 2, 3, 400, 500, 100}},
		{"no model has it", "model: a, models: [a, b], missing: zero, tokens: [n]", []float32{1, 2, 3, 400, 500, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, got := aligned(t, a, b, c.step)
			embed, head, bias := firsts(got["model.embed_tokens.weight"]), firsts(got["lm_head.weight"]), got["lm_head.bias"]
			if !slices.Equal(embed, c.want) || !slices.Equal(bias, c.want) {
				t.Errorf("embedding %v, bias %v, want %v", embed, bias, c.want)
			}
			for i, v := range head {
				if v != 10*c.want[i] {
					t.Errorf("head %v, want 10 times %v", head, c.want)
					break
				}
			}
			config, err := os.ReadFile(filepath.Join(dir, "out", "config.json"))
			if err != nil || !strings.Contains(string(config), fmt.Sprintf(`"vocab_size": %d`, len(c.want))) {
				t.Errorf("config %s, %v", config, err)
			}
		})
	}
}

// TestAlignTiedHead: where a model's head is its embedding, that lends the
// head's rows.
func TestAlignTiedHead(t *testing.T) {
	a := small{tokens: []string{"a", "b"}, scale: 1, files: map[string]string{}}
	b := small{tokens: []string{"a", "c"}, scale: 100, tied: true}
	dir := bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {a: ./a, b: ./b}\nsteps: {m: {op: tokenizer.align, model: a, models: [a, b], where: \"name != \\\"lm_head.bias\\\"\"}}\noutputs: {x: {from: m, path: ./out}}\n"})
	a.write(t, filepath.Join(dir, "a"))
	b.write(t, filepath.Join(dir, "b"))
	if code, _, stderr := roux("run", "r.yaml"); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	got := tensorsOf(t, filepath.Join(dir, "out"))
	if head, want := firsts(got["lm_head.weight"]), []float32{10, 20, 200}; !slices.Equal(head, want) {
		t.Errorf("head %v, want %v", head, want)
	}
}

// TestAlignFiles: special ids follow their tokens, the table of added tokens is
// written anew, and files that would contradict the vocabulary go.
func TestAlignFiles(t *testing.T) {
	a := small{tokens: []string{"a", "b", "<s>"}, scale: 1, config: `, "eos_token_id": [2, 0], "bos_token_id": 1, "pad_token_id": null`,
		files: map[string]string{"generation_config.json": `{"eos_token_id": 2, "top_p": 0.90}`}}
	b := small{tokens: []string{"b", "c", "a", "<s>"}, scale: 100, files: map[string]string{
		"tokenizer_config.json": "{\n  \"added_tokens_decoder\": {\"7\": {}},\n  \"model_max_length\": 1e30\n}", "merges.txt": "x", "special_tokens_map.json": "{}"}}
	dir, _ := aligned(t, a, b, "model: a, models: [a, b], like: b, tokens: [{token: new, zero: true}]")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, "out", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := read("config.json"); !strings.Contains(got, `"eos_token_id": [3,2], "bos_token_id": 0, "pad_token_id": null`) {
		t.Errorf("config %s", got)
	}
	if got, want := read("generation_config.json"), `{"eos_token_id": 3, "top_p": 0.90}`; got != want {
		t.Errorf("generation config %s, want %s", got, want)
	}
	config := read("tokenizer_config.json")
	for _, want := range []string{`"3": {`, `"content": "<s>"`, `"4": {`, `"content": "new"`, `"model_max_length": 1e30`} {
		if !strings.Contains(config, want) {
			t.Errorf("tokenizer_config.json lacks %s:\n%s", want, config)
		}
	}
	read("special_tokens_map.json")
	if _, err := os.Stat(filepath.Join(dir, "out", "merges.txt")); err == nil {
		t.Error("merges.txt contradicts tokenizer.json")
	}
}

// TestAlignManyBlocks: a vocabulary of several blocks comes out the same for
// any number of workers, each row from where its token stands, and the padding
// is the mean.
func TestAlignManyBlocks(t *testing.T) {
	const n = 70_000
	a, b := small{scale: 1}, small{scale: -1}
	for i := range n {
		a.tokens = append(a.tokens, fmt.Sprintf("t%d", i))
		b.tokens = append(b.tokens, fmt.Sprintf("t%d", i/100*7919%705*100+i%100))
	}
	a.tokens[0], b.tokens[0] = "a", "a"
	step := "model: a, models: [a, b], base: b, pad_to_multiple_of: 512"
	dir, got := aligned(t, a, b, step)
	first, err := os.ReadFile(filepath.Join(dir, "out", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := roux("run", "r.yaml", "--out", "again", "--workers", "1", "--cache", filepath.Join(dir, "other")); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if again, err := os.ReadFile(filepath.Join("again", "model.safetensors")); err != nil || !slices.Equal(first, again) {
		t.Errorf("one worker writes other bytes: %v", err)
	}
	v := readVocab(t, filepath.Join(dir, "out", "tokenizer.json"))
	own, other := map[string]int{}, map[string]int{}
	for i := range n {
		own[a.tokens[i]], other[b.tokens[i]] = i, i
	}
	embed, mean := firsts(got["model.embed_tokens.weight"]), 0.0
	for _, tok := range v.Tokens() {
		want := -float32(other[tok.Text] + 1)
		if i, ok := own[tok.Text]; ok {
			want = float32(i + 1)
		}
		if embed[tok.ID] != want {
			t.Fatalf("row of %s is %v, want %v", tok.Text, embed[tok.ID], want)
		}
		mean += float64(want) / float64(v.Size())
	}
	for _, pad := range embed[v.Size():] {
		if math.Abs(float64(pad)-mean) > 1e-6*n {
			t.Fatalf("padding is %v, want %v", pad, mean)
		}
	}
	if len(embed)%512 != 0 || len(embed) == v.Size() {
		t.Errorf("%d rows for %d tokens", len(embed), v.Size())
	}
}
