package data

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Questions say how rows become questions, as in a task file. What is set here
// goes before the file.
type Questions struct {
	DocToText, DocToChoice, DocToTarget string
	Fewshot                             *int
}

// Item is one question.
type Item struct {
	Context, Delimiter string
	Choices            []string
	Gold               int
	Answer             string
	Until              []string
	Limit              int
}

// taskFile is the part of a task of lm-evaluation-harness that is read.
type taskFile struct {
	OutputType       string         `yaml:"output_type"`
	DatasetPath      string         `yaml:"dataset_path"`
	DatasetKwargs    datasetKwargs  `yaml:"dataset_kwargs"`
	TestSplit        string         `yaml:"test_split"`
	ValidationSplit  string         `yaml:"validation_split"`
	FewshotSplit     string         `yaml:"fewshot_split"`
	DocToText        yaml.Node      `yaml:"doc_to_text"`
	DocToChoice      yaml.Node      `yaml:"doc_to_choice"`
	DocToTarget      yaml.Node      `yaml:"doc_to_target"`
	Description      string         `yaml:"description"`
	TargetDelimiter  *string        `yaml:"target_delimiter"`
	FewshotDelimiter *string        `yaml:"fewshot_delimiter"`
	NumFewshot       int            `yaml:"num_fewshot"`
	FewshotConfig    map[string]any `yaml:"fewshot_config"`
	GenPrefix        string         `yaml:"gen_prefix"`
	GenerationKwargs map[string]any `yaml:"generation_kwargs"`
	MetricList       []yaml.Node    `yaml:"metric_list"`
	hub              bool           // it came from the Hub
	drawn            string         // where num_fewshot asks for rows that are drawn
}

type datasetKwargs struct {
	DataFiles yaml.Node `yaml:"data_files"`
}

// known are the keys of a task file; those that map to a text cannot be read,
// and the text says what to do.
var known = map[string]string{
	"task": "", "tag": "", "group": "", "dataset_path": "", "dataset_name": "", "dataset_kwargs": "", "training_split": "", "validation_split": "", "test_split": "", "fewshot_split": "",
	"output_type": "", "doc_to_text": "", "doc_to_target": "", "doc_to_choice": "", "description": "", "target_delimiter": "", "fewshot_delimiter": "", "num_fewshot": "", "fewshot_config": "",
	"gen_prefix": "", "generation_kwargs": "", "metric_list": "", "metadata": "", "include": "", "should_decontaminate": "", "doc_to_decontamination_query": "", "task_alias": "",
	"process_docs":    "it runs Python: write the processed rows to a JSONL file",
	"process_results": "it runs Python: leave it out",
	"filter_list":     "leave it out, and say extract in the step",
	"repeats":         "answers are greedy, so that all repeats are the same: leave it out",
	"custom_dataset":  "it runs Python: write the rows to a JSONL file",
	"use_prompt":      "promptsource is not read: write doc_to_text",
	"doc_to_image":    "only text is read",
	"doc_to_audio":    "only text is read",
	"unsafe_code":     "no code is run",
	"class":           "it runs Python: write the rows to a JSONL file",
}

// task reads questions: of a task file, or of a table with the request's
// doc_to_text.
func (r *reading) task(q Request) ([]Item, error) {
	t := &taskFile{hub: q.Hub}
	files := q.Paths
	if kind := kindOf(q.Paths[0]); kind == ".yaml" || kind == ".yml" {
		if err := r.readTask(q.Paths[0], t, 0); err != nil {
			return nil, err
		}
		var err error
		if files, err = t.files(filepath.Dir(q.Paths[0]), t.split()); err != nil {
			return nil, fmt.Errorf("%s: %w", q.Paths[0], err)
		}
	} else if !isTable(q.Paths[0]) {
		return nil, fmt.Errorf("%s is no task: give a .yaml file of lm-evaluation-harness, or a table with doc_to_text", q.Paths[0])
	}
	t.override(q.Questions)
	docs, err := r.tables(files)
	if err != nil {
		return nil, err
	}
	items, err := r.items(t, docs, filepath.Dir(q.Paths[0]), files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q.Paths[0], err)
	}
	return items, nil
}

func (r *reading) tables(files []string) ([]map[string]any, error) {
	var docs []map[string]any
	for _, f := range files {
		rows, err := r.table(f)
		if err != nil {
			return nil, err
		}
		docs = append(docs, rows...)
	}
	return docs, nil
}

func (t *taskFile) override(q Questions) {
	for _, o := range []struct {
		to   *yaml.Node
		text string
	}{{&t.DocToText, q.DocToText}, {&t.DocToChoice, q.DocToChoice}, {&t.DocToTarget, q.DocToTarget}} {
		if o.text != "" {
			*o.to = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: o.text}
		}
	}
	if q.Fewshot != nil {
		t.NumFewshot = *q.Fewshot
	}
	if t.OutputType == "" {
		t.OutputType = "generate_until"
		if t.DocToChoice.Kind != 0 {
			t.OutputType = "multiple_choice"
		}
	}
}

// readTask reads a task file over what it includes.
func (r *reading) readTask(path string, t *taskFile, depth int) error {
	text, err := r.file(path)
	if err != nil {
		return err
	}
	if len(text) > 1<<20 || depth > 8 {
		return fmt.Errorf("%s: a task file has at most 1 MiB and includes eight others", path)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return misread(path, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s is no task file: want a mapping with doc_to_text", path)
	}
	root := doc.Content[0]
	if err := r.keys(root, path, t, depth); err != nil {
		return err
	}
	if err := root.Decode(t); err != nil {
		return misread(path, err)
	}
	return t.check(root, path)
}

// keys refuses all keys of a task file that cannot be read, at once, and reads
// what the file includes.
func (r *reading) keys(root *yaml.Node, path string, t *taskFile, depth int) error {
	var bad []error
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := place(path, key) + ": " + key.Value
		why, ok := known[key.Value]
		switch {
		case !ok:
			bad = append(bad, fmt.Errorf("%s is no key of a task file that roux reads (%s)", at, nearest(key.Value)))
		case why != "" && value.Tag != "!!null":
			bad = append(bad, fmt.Errorf("%s cannot be read (%s)", at, why))
		case value.Tag == "!function":
			bad = append(bad, fmt.Errorf("%s: !function %s is Python, which roux does not run: write a column or a template", at, value.Value))
		case key.Value == "include":
			err := t.mayInclude(value.Value)
			if err != nil {
				err = fmt.Errorf("%s: %w", at, err)
			} else {
				err = r.readTask(filepath.Join(filepath.Dir(path), filepath.FromSlash(value.Value)), t, depth+1)
			}
			bad = append(bad, err)
		}
	}
	return errors.Join(bad...)
}

func place(path string, n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", path, n.Line, n.Column) }

// nearest is the key that is meant, or all that are read.
func nearest(key string) string {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(k string) bool { return known[k] != "" })
	if s := schema.Suggest(key, keys); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return "docs/evaluation.md lists those"
}

// mayInclude refuses names of files that a task file has no business with:
// what lies beside it, or is said to lie elsewhere from there on, may be read.
func (t *taskFile) mayInclude(name string) error {
	switch path := filepath.FromSlash(name); {
	case t.hub:
		return errors.New("a task file of the Hub includes no others: fetch them, and name the file on this machine")
	case filepath.IsLocal(path), !filepath.IsAbs(path) && strings.HasPrefix(name, "../"):
		return nil
	}
	return fmt.Errorf("%q is not read: name the file from the task file's folder on, as in ../other.yaml", name)
}

// split is the part of the data set that is asked: the test split if there is one.
func (t *taskFile) split() string {
	if t.TestSplit != "" {
		return t.TestSplit
	}
	return t.ValidationSplit
}

// files are the local files of a split.
func (t *taskFile) files(dir, split string) ([]string, error) {
	n := &t.DatasetKwargs.DataFiles
	if n.Kind == 0 {
		if isTable(t.DatasetPath) {
			name, err := t.under(dir, t.DatasetPath)
			return []string{name}, err
		}
		return nil, fmt.Errorf("dataset_path %q: data sets of the Hub are not read by a task: fetch its files, and say dataset_path: json and dataset_kwargs: {data_files: {%s: FILE.jsonl}}", t.DatasetPath, cmp.Or(split, "test"))
	}
	if n.Kind == yaml.MappingNode {
		var chosen *yaml.Node
		var have []string
		for i := 0; i < len(n.Content); i += 2 {
			have = append(have, n.Content[i].Value)
			if n.Content[i].Value == split {
				chosen = n.Content[i+1]
			}
		}
		if chosen == nil {
			return nil, fmt.Errorf("data_files has no split %q (it has %s)", split, strings.Join(have, ", "))
		}
		n = chosen
	}
	var names []string
	if n.Kind == yaml.ScalarNode {
		names = []string{n.Value}
	} else if err := n.Decode(&names); err != nil || len(names) == 0 {
		return nil, errors.New("data_files: want a file or a list of files")
	}
	for i, name := range names {
		var err error
		if names[i], err = t.under(dir, name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// under finds a file from a folder on, or from here if it is only here. A task
// of the Hub names none outside of its folder.
func (t *taskFile) under(dir, name string) (string, error) {
	beside := filepath.Join(dir, filepath.FromSlash(name))
	if t.hub {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return "", fmt.Errorf("%q lies outside of the folder of this task, which came from the Hub: fetch the task file and name it on this machine, if this is meant", name)
		}
		return beside, nil
	}
	if _, err := os.Stat(beside); filepath.IsAbs(name) || err != nil {
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	return beside, nil
}
