package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder holds files for a test.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTexts: every kind of file yields its texts.
func TestTexts(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.txt": "one\n\ntwo\n", "a.jsonl": "{\"text\": \"one\", \"n\": 1}\n\n{\"text\": \"two\"}\n",
		"a.json": `[{"text": "one"}, {"text": "two"}]`, "a.csv": "\ufefftext,n\n\"one, or\nso\",1\ntwo,2\n", "a.tsv": "n\ttext\n1\ta \"b\n"})
	for name, want := range map[string][]string{
		"a.txt": {"one\n\ntwo\n"}, "a.jsonl": {"one", "two"}, "a.json": {"one", "two"}, "a.csv": {"one, or\nso", "two"}, "a.tsv": {"a \"b"},
	} {
		s, err := Read(Request{Paths: []string{filepath.Join(dir, name)}, Field: "text"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(want, s.Texts); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	s, err := Read(Request{Paths: []string{"testdata/quiz.parquet"}, Field: "question"})
	if err != nil || !cmp.Equal(s.Texts, []string{"2+2?", "Sky?"}) || s.Rows[1]["choices"] != `["blue","red"]` || s.Rows[0]["answer"] != "1" {
		t.Errorf("%+v %v", s, err)
	}
}

// TestDigest: other content, or another question about it, is other data; where
// it lies is not.
func TestDigest(t *testing.T) {
	a, b := folder(t, map[string]string{"x.csv": "text,u\n1,2\n"}), folder(t, map[string]string{"x.csv": "text,u\n1,2\n", "y.csv": "text,u\n1,3\n"})
	digest := func(path, field string) string {
		s, err := Read(Request{Paths: []string{path}, Field: field})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest
	}
	base := digest(a+"/x.csv", "text")
	if base != digest(b+"/x.csv", "text") || base == digest(b+"/y.csv", "text") || base == digest(a+"/x.csv", "u") {
		t.Error("digests do not tell data apart")
	}
}

// TestDigestOfSeveral: where one file ends is part of the data.
func TestDigestOfSeveral(t *testing.T) {
	dir := folder(t, map[string]string{"1.txt": "ab", "2.txt": "c", "3.txt": "a", "4.txt": "bc"})
	digest := func(names ...string) string {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		s, err := Read(Request{Paths: names, Field: "text"})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest
	}
	if digest("1.txt", "2.txt") == digest("3.txt", "4.txt") {
		t.Error("the texts ab, c and the texts a, bc have one digest")
	}
}

// TestTables: marks of order are no text, and what is not rows is refused.
func TestTables(t *testing.T) {
	dir := folder(t, map[string]string{
		"bom.jsonl": "\ufeff{\"text\": \"one\"}\r\n", "bom.json": "\ufeff[{\"text\": \"one\"}]",
		"twice.csv": "text,n,text\n1,2,3\n", "null.json": `[{"text": "a"}, null]`, "two.json": `[{"text": "a"}] [{"text": "b"}]`})
	for name, want := range map[string]string{"bom.jsonl": "", "bom.json": "", "twice.csv": `"text"`, "null.json": "row 2", "two.json": "follows"} {
		s, err := Read(Request{Paths: []string{filepath.Join(dir, name)}, Field: "text"})
		switch {
		case want == "" && (err != nil || !cmp.Equal(s.Texts, []string{"one"})):
			t.Errorf("%s: %+v %v", name, s, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMissingColumn: the error names the file and the row in it.
func TestMissingColumn(t *testing.T) {
	dir := folder(t, map[string]string{"1.jsonl": "{\"u\": \"a\"}\n{\"u\": \"b\"}\n", "2.jsonl": "{\"v\": \"c\"}\n"})
	_, err := Read(Request{Paths: []string{dir + "/1.jsonl", dir + "/2.jsonl"}, Field: "u"})
	if err == nil || !strings.Contains(err.Error(), `2.jsonl: row 1 has no column "u" (it has v)`) {
		t.Errorf("got %v", err)
	}
}

// TestTemplateSpaces: the results are Jinja's.
func TestTemplateSpaces(t *testing.T) {
	for template, want := range map[string]string{"Q: {{- x }} .": "Q:1 .", "Q: {{ x -}}\n .": "Q: 1.", "{{- x -}}": "1", "a \n{{- x -}} {{x}}": "a11", "{{ -1 }}": "-1"} {
		if got, err := render(template, map[string]any{"x": "1"}); err != nil || got != want {
			t.Errorf("%q: %q, %v", template, got, err)
		}
	}
}

// TestTemplateBounds: no template makes a text without end.
func TestTemplateBounds(t *testing.T) {
	ten := strings.Repeat("a", 10)
	for _, template := range []string{"{{ 'a'" + strings.Repeat("|replace('a', '"+ten+"')", 9) + " }}",
		"{{ '" + strings.Repeat("a ", 5000) + "'|split|join('" + strings.Repeat("b", 5000) + "') }}"} {
		if got, err := render(template, nil); err == nil {
			t.Errorf("%.40q: %d bytes", template, len(got))
		}
	}
}

const arc = `task: arc
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl, train: [train.jsonl]}}
test_split: test
fewshot_split: train
output_type: multiple_choice
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_target: "{{choices.label.index(answerKey)}}"
doc_to_choice: "{{choices.text}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
`

const arcRow = `{"question": "Q1", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}` + "\n"

// TestGold: a text that is a number is the choice of that text, and a number is
// an index, as in lm-evaluation-harness.
func TestGold(t *testing.T) {
	dir := folder(t, map[string]string{"text.jsonl": `{"q": "2-2", "c": ["3", "4", "0"], "a": "0"}`, "number.jsonl": `{"q": "2-2", "c": ["3", "4", "0"], "a": 0}`,
		"text.csv": "q,c,a\n2-2,\"[\"\"3\"\",\"\"0\"\"]\",0\n"})
	for _, c := range []struct {
		file, target string
		want         int
	}{{"text.jsonl", "a", 2}, {"number.jsonl", "a", 0}, {"text.csv", "a", 0}, {"text.jsonl", "{{a}}", 0}} {
		q := Request{Paths: []string{filepath.Join(dir, c.file)}, Task: true, Questions: Questions{DocToText: "q", DocToChoice: "c", DocToTarget: c.target}}
		s, err := Read(q)
		if err != nil || s.Items[0].Gold != c.want {
			t.Errorf("%s by %s: %+v %v, want %d", c.file, c.target, s, err, c.want)
		}
	}
}

// TestTasks: rows become questions as lm-evaluation-harness makes them.
func TestTasks(t *testing.T) {
	dir := folder(t, map[string]string{"arc.yaml": arc, "rows.jsonl": arcRow, "train.jsonl": strings.ReplaceAll(arcRow, "Q1", "Q0"),
		"shots.yaml": "include: arc.yaml\ndescription: \"Solve.\\n\\n\"\nnum_fewshot: 1\nfewshot_config: {sampler: first_n}\n",
		"piqa.jsonl": `{"goal": " g ", "sol1": "s", "sol2": "t", "label": 1}` + "\n",
		"sum.yaml":   "dataset_path: sum.csv\ntest_split: test\noutput_type: generate_until\ndoc_to_text: \"{{a}}+{{b}}=\"\ndoc_to_target: c\ngeneration_kwargs: {until: [\"\\n\"], max_gen_toks: 4, do_sample: false}\n",
		"sum.csv":    "a,b,c\n1,2,3\n"})
	two := 0
	for _, c := range []struct {
		name string
		q    Request
		want []Item
	}{
		{"arc", Request{Paths: []string{dir + "/arc.yaml"}}, []Item{{Context: "Question: Q1\nAnswer:", Delimiter: " ", Choices: []string{"x", "y"}, Gold: 1}}},
		{"one shot", Request{Paths: []string{dir + "/shots.yaml"}}, []Item{{Context: "Solve.\n\nQuestion: Q0\nAnswer: y\n\nQuestion: Q1\nAnswer:", Delimiter: " ", Choices: []string{"x", "y"}, Gold: 1}}},
		{"no shots", Request{Paths: []string{dir + "/shots.yaml"}, Questions: Questions{Fewshot: &two}}, []Item{{Context: "Solve.\n\nQuestion: Q1\nAnswer:", Delimiter: " ", Choices: []string{"x", "y"}, Gold: 1}}},
		{"table", Request{Paths: []string{dir + "/piqa.jsonl"}, Questions: Questions{DocToText: "Q: {{goal.strip()}}", DocToChoice: "{{[sol1, sol2]}}", DocToTarget: "label"}},
			[]Item{{Context: "Q: g", Delimiter: " ", Choices: []string{"s", "t"}, Gold: 1}}},
		{"parquet", Request{Paths: []string{"testdata/quiz.parquet"}, Questions: Questions{DocToText: "question", DocToChoice: "choices", DocToTarget: "answer"}},
			[]Item{{Context: "2+2?", Delimiter: " ", Choices: []string{"3", "4"}, Gold: 1}, {Context: "Sky?", Delimiter: " ", Choices: []string{"blue", "red"}}}},
		{"generated", Request{Paths: []string{dir + "/sum.yaml"}}, []Item{{Context: "1+2=", Delimiter: " ", Answer: "3", Until: []string{"\n"}, Limit: 4}}},
	} {
		c.q.Task = true
		s, err := Read(c.q)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, s.Items); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// TestTemplates: the expressions that published tasks use.
func TestTemplates(t *testing.T) {
	doc, err := object([]byte(`{"a": " Ab c ", "n": 3, "l": ["x", "y"], "m": {"k": ["p"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for template, want := range map[string]string{
		"{{a.strip()}}|{{ n }}": "Ab c|3", "{{a|trim|upper}}": "AB C", "{{l[-1]}}{{m.k[0]}}{{m['k'][0]}}": "ypp", "{{l.index('y')}}": "1", "{{'<' + l[0] ~ n}}": "<x3",
		"{{a.strip().split(' ')[-1]}}": "c", "{{l|join(', ')}}": "x, y", "{{l|length}}": "2", "{{a.replace('A', \"B\").lstrip()}}": "Bb c ", "{{[l[0], 'z']}}": `["x","z"]`, "{{- a.strip().capitalize() -}}": "Ab c", "plain": "plain",
	} {
		got, err := render(template, doc)
		if err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", template, got, err, want)
		}
	}
}

// TestBad: what cannot be read says where and why.
func TestBad(t *testing.T) {
	dir := folder(t, map[string]string{"empty.txt": "", "no.jsonl": "\n", "bad.jsonl": "{\"text\": 1}\n[1]\n", "two.jsonl": "{} {}\n", "bad.csv": "a,b\n1\n", "c.csv": "a,b\n1,2\n",
		"rows.jsonl": arcRow, "train.jsonl": arcRow, "bad.parquet": "PAR1PAR1",
		"function.yaml": arc + "process_docs: !function utils.process\n", "key.yaml": arc + "frobnicate: 1\n", "fn.yaml": strings.Replace(arc, `"Question: {{question}}\nAnswer:"`, "!function utils.text", 1),
		"if.yaml": strings.Replace(arc, "{{question}}", "{% if a %}b{% endif %}", 1), "column.yaml": strings.Replace(arc, "{{question}}", "{{questin}}", 1),
		"hub.yaml": strings.Replace(arc, "dataset_kwargs", "metadata", 1), "split.yaml": strings.Replace(arc, "test_split: test", "test_split: tset", 1),
		"sample.yaml": arc + "generation_kwargs: {temperature: 0.7}\n", "rolling.yaml": strings.Replace(arc, "multiple_choice", "loglikelihood_rolling", 1),
		"shots.yaml": arc + "num_fewshot: 1\n", "loop.yaml": "include: loop.yaml\n", "gold.yaml": strings.Replace(arc, "{{choices.label.index(answerKey)}}", "7", 1), "list.yaml": "- a\n"})
	for _, c := range []struct {
		file string
		task bool
		want string
	}{
		{"none.jsonl", false, "no such file"}, {"empty.txt", false, "is no table"}, {"no.jsonl", false, "it has no rows"}, {"bad.jsonl", false, "bad.jsonl: line 2: want a JSON object"}, {"two.jsonl", false, "line 1: something follows"},
		{"bad.csv", false, "record on line 2: wrong number of fields"}, {"c.csv", false, `row 1 has no column "t" (it has a, b): say field: COLUMN`}, {"bad.parquet", false, "bad.parquet"}, {"none.txt", false, "none.txt is no table: remove field: t"},
		{"function.yaml", true, "function.yaml:11:1: process_docs cannot be read (it runs Python"}, {"key.yaml", true, "key.yaml:11:1: frobnicate is no key of a task file"}, {"fn.yaml", true, "fn.yaml:7:1: doc_to_text: !function utils.text is Python"},
		{"if.yaml", true, "row 1: doc_to_text: the template"}, {"column.yaml", true, `row 1: doc_to_text: template {{questin}}: the row has no column "questin" (it has answerKey, choices, question)`},
		{"hub.yaml", true, `dataset_path "json": data sets of the Hub are not read by a task`}, {"split.yaml", true, `data_files has no split "tset" (it has test, train)`}, {"sample.yaml", true, "generation_kwargs.temperature: 0.7 is not read"},
		{"rolling.yaml", true, "use evaluate.perplexity with protocol: rolling"}, {"shots.yaml", true, "say fewshot_config: {sampler: first_n}"}, {"loop.yaml", true, "includes eight others"}, {"gold.yaml", true, "row 1: doc_to_target: choice 7 of 2"},
		{"list.yaml", true, "is no task file"}, {"empty.txt", true, "empty.txt is no task"}, {"rows.jsonl", true, "doc_to_text is missing"},
	} {
		if _, err := Read(Request{Paths: []string{dir + "/" + c.file}, Task: c.task, Field: "t"}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v", c.file, c.want, err)
		}
	}
}

// TestNoText: what is no text in UTF-8, or a cell without one, is refused with
// its place; a mark of byte order is not.
func TestNoText(t *testing.T) {
	dir := folder(t, map[string]string{"latin.txt": "one\ntwo caf\xe9", "zero.txt": "one\n\ntwo\x00", "wide.txt": "\xff\xfea\x00", "cut.txt": "caf\xc3",
		"latin.csv": "text\ncaf\xe9\n", "latin.jsonl": "{\"text\": \"caf\xe9\"}\n", "null.jsonl": "{\"text\": \"a\"}\n{\"text\": null}\n", "list.jsonl": "{\"text\": [\"a\"]}\n"})
	for file, want := range map[string]string{
		"latin.txt": "latin.txt: byte 11 (line 2) is not UTF-8", "zero.txt": "zero.txt: byte 8 (line 3) is 0: it is no text", "wide.txt": "text in UTF-16", "cut.txt": "byte 3 (line 1) is not UTF-8",
		"latin.csv": "latin.csv: byte 8 (line 2) is not UTF-8", "latin.jsonl": "latin.jsonl: byte 13 (line 1) is not UTF-8",
		"null.jsonl": `null.jsonl: row 2: column "text" is null, and no text`, "list.jsonl": `row 1: column "text" is ["a"], and no text`,
	} {
		if _, err := Read(Request{Paths: []string{filepath.Join(dir, file)}, Field: "text"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want an error with %q, got %v", file, want, err)
		}
	}
	good := folder(t, map[string]string{"bom.txt": "\xef\xbb\xbfcaf\u00e9 \ufffd", "n.csv": "text\n5\n"})
	for file, want := range map[string]string{"bom.txt": "\ufeffcaf\u00e9 \ufffd", "n.csv": "5"} {
		if s, err := Read(Request{Paths: []string{filepath.Join(good, file)}, Field: "text"}); err != nil || s.Texts[0] != want {
			t.Errorf("%s: %v %v", file, s, err)
		}
	}
}

// TestAllOfATask: everything in a task file that is not read is named at once,
// with its place and the key that is meant.
func TestAllOfATask(t *testing.T) {
	dir := folder(t, map[string]string{"rows.jsonl": arcRow, "keys.yaml": arc + "procss_docs: 1\nfilter_list: []\nnum_fewshots: 3\nrepeats: 2\n",
		"values.yaml":  "task: a\noutput_type: loglikelihood\ngeneration_kwargs:\n  until: ['\\n']\n  temperature: 0.7\n  top_p: 0.9\nfewshot_config:\n  samples: []\n",
		"kinds.yaml":   "num_fewshot: lots\nfewshot_config: 5\n",
		"metrics.yaml": strings.Split(arc, "metric_list")[0] + "metric_list:\n  - {metric: f1}\n  - {metric: exact_match, ignore_case: true}\n  - {metric: exact_match, regexes_to_ignore: [a]}\n  - {metric: acc, aggregation: mean, higher_is_better: true}\n",
		"fewshot.yaml": arc + "num_fewshot: 1\n", "test.jsonl": arcRow})
	for file, want := range map[string][]string{
		"keys.yaml": {"keys.yaml:11:1: procss_docs is no key of a task file that roux reads (docs/evaluation.md lists those)", "keys.yaml:12:1: filter_list cannot be read (leave it out, and say extract in the step)",
			`keys.yaml:13:1: num_fewshots is no key of a task file that roux reads (did you mean "num_fewshot"?)`, "keys.yaml:14:1: repeats cannot be read"},
		"values.yaml": {"values.yaml:2:1: output_type loglikelihood is not read", "values.yaml:5:3: generation_kwargs.temperature: 0.7 is not read", "values.yaml:6:3: generation_kwargs.top_p", "values.yaml:8:3: fewshot_config.samples is not read"},
		"kinds.yaml":  {"kinds.yaml:1: found str `lots`, want a whole number", "kinds.yaml:2: found int `5`, want a mapping"},
		"metrics.yaml": {"metrics.yaml:11:5: metric_list: f1 is not measured (acc, acc_norm, acc_bytes, brier_score, exact_match are): leave it out", "metrics.yaml:12:5: metric_list: ignore_case is the step's: say ignore_case: true there",
			"metrics.yaml:13:5: metric_list: regexes_to_ignore: [a] is not read"},
		"fewshot.yaml": {"fewshot.yaml:11:1: num_fewshot: rows drawn by Python's generator are not read: say fewshot_config: {sampler: first_n}"},
	} {
		_, err := Read(Request{Paths: []string{filepath.Join(dir, file)}, Task: true, Field: "text"})
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: want an error with %q, got %v", file, w, err)
			}
		}
	}
}

// TestBounds: a task names files beside it or where it says from there on; one
// of the Hub includes none and names none outside of its folder.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("tasks/rows.jsonl", arcRow)
	secret := put("secret.jsonl", arcRow)
	common := put("tasks/common.yaml", arc)
	put("outer.yaml", arc)
	named := func(file string) string { return strings.Replace(arc, "test: rows.jsonl", "test: "+file, 1) }
	for _, c := range []struct {
		name, text, local, hub string
	}{
		{"beside", "include: common.yaml\n", "", "beside.yaml:1:1: include: a task file of the Hub includes no others"},
		{"above", "include: ../outer.yaml\n", "", "includes no others"},
		{"absolute", "include: " + common + "\n", "is not read: name the file from the task file's folder on", "includes no others"},
		{"winding", "include: a/../../outer.yaml\n", "is not read: name the file", "includes no others"},
		{"rows", arc, "", ""},
		{"rows above", named("../secret.jsonl"), "", "lies outside of the folder of this task, which came from the Hub"},
		{"rows absolute", named(secret), "", "lies outside of the folder"},
		{"path", strings.Replace(strings.Replace(arc, "dataset_path: json", "dataset_path: ../secret.jsonl", 1), "dataset_kwargs", "metadata", 1), "", "lies outside of the folder"},
	} {
		path := put("tasks/"+c.name+".yaml", c.text)
		for hub, want := range map[bool]string{false: c.local, true: c.hub} {
			_, err := Read(Request{Paths: []string{path}, Task: true, Hub: hub})
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, of the Hub %v: want %q, got %v", c.name, hub, want, err)
			}
		}
	}
}

// FuzzRead: no file makes the readers panic.
func FuzzRead(f *testing.F) {
	parquet, err := os.ReadFile("testdata/quiz.parquet")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []struct{ name, text string }{{".jsonl", arcRow}, {".json", "[{}]"}, {".csv", "a,b\n1,2\n"}, {".tsv", "a\tb\n"}, {".yaml", arc}, {".parquet", string(parquet)}} {
		f.Add(seed.name, []byte(seed.text))
	}
	f.Fuzz(func(t *testing.T, end string, text []byte) {
		if !isTable("x"+end) && end != ".yaml" {
			return
		}
		path := filepath.Join(t.TempDir(), "x"+end)
		if os.WriteFile(path, text, 0o644) != nil {
			return
		}
		_, _ = Read(Request{Paths: []string{path}, Field: "text"})
		_, _ = Read(Request{Paths: []string{path}, Task: true, Questions: Questions{DocToText: "{{a}}", DocToTarget: "0"}})
	})
}

// FuzzTemplate: no template makes the reader panic.
func FuzzTemplate(f *testing.F) {
	f.Add("{{a.split(' ')[-1]|join('x') + [1, 'b'] ~ m.k}}", `{"a": "x", "m": {"k": []}}`)
	f.Fuzz(func(_ *testing.T, template, row string) {
		if doc, err := object([]byte(row)); err == nil {
			_, _ = render(template, doc)
		}
	})
}

// TestMemory: neither a file nor the rows of a Parquet file take more than the
// budget leaves.
func TestMemory(t *testing.T) {
	info, err := os.Stat("testdata/quiz.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		memory int64
		want   string
	}{{info.Size() - 1, "and the budget leaves"}, {info.Size() + 100, "or for the budget: raise --memory"}, {info.Size() + 100_000, ""}} {
		_, err := Read(Request{Paths: []string{"testdata/quiz.parquet"}, Field: "question", Memory: c.memory})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d bytes: %v, want %q", c.memory, err, c.want)
		}
	}
}
