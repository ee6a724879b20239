package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// items turns rows into questions.
func (r *reading) items(t *taskFile, docs []map[string]any, dir string, files []string) ([]Item, error) {
	if t.DocToText.Kind == 0 {
		return nil, errors.New("doc_to_text is missing: it says which column, or what template, is the question")
	}
	if t.DocToTarget.Kind == 0 {
		return nil, errors.New("doc_to_target is missing: it says which choice or answer is right")
	}
	shots, err := r.shots(t, docs, dir, files)
	if err != nil {
		return nil, err
	}
	out := make([]Item, len(docs))
	for i, doc := range docs {
		if out[i], err = t.item(doc, shots); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return out, nil
}

// shots are the rows that solved questions are taken from: one more than are
// shown, in case one of them is the question itself.
func (r *reading) shots(t *taskFile, docs []map[string]any, dir string, files []string) ([]map[string]any, error) {
	if t.NumFewshot == 0 {
		return nil, nil
	}
	if s, ok := t.FewshotConfig["sampler"]; !ok || s != "first_n" {
		return nil, errors.New(t.drawn + "num_fewshot: rows drawn by Python's generator are not read: say fewshot_config: {sampler: first_n} in a task file")
	}
	n := t.NumFewshot
	if t.FewshotSplit != "" && t.FewshotSplit != t.split() {
		from, err := t.files(dir, t.FewshotSplit)
		if err != nil {
			return nil, err
		}
		if docs, err = r.tables(from); err != nil {
			return nil, err
		}
	} else {
		n++ // the question may be among them
	}
	if n > len(docs) {
		return nil, fmt.Errorf("num_fewshot: %d rows are asked for and %s has %d", n, strings.Join(files, ", "), len(docs))
	}
	return docs[:n], nil
}

func (t *taskFile) item(doc map[string]any, shots []map[string]any) (Item, error) {
	context, err := render(t.Description, doc)
	if err != nil {
		return Item{}, fmt.Errorf("description: %w", err)
	}
	delimiter, between := " ", "\n\n"
	if t.TargetDelimiter != nil {
		delimiter = *t.TargetDelimiter
	}
	if t.FewshotDelimiter != nil {
		between = *t.FewshotDelimiter
	}
	shown := 0
	for _, shot := range shots {
		if shown == t.NumFewshot || reflect.DeepEqual(shot, doc) {
			continue
		}
		one, err := t.bare(shot)
		if err != nil {
			return Item{}, err
		}
		answer := one.Answer
		if t.OutputType == "multiple_choice" {
			answer = one.Choices[one.Gold]
		}
		context += one.Context + delimiter + answer + between
		shown++
	}
	item, err := t.bare(doc)
	item.Context = context + item.Context
	item.Delimiter = delimiter
	if t.GenPrefix != "" {
		item.Context += delimiter + t.GenPrefix
	}
	return item, err
}

// bare is a question alone.
func (t *taskFile) bare(doc map[string]any) (item Item, err error) {
	text, err := field(&t.DocToText, doc)
	if err != nil {
		return item, fmt.Errorf("doc_to_text: %w", err)
	}
	item.Context = asText(text)
	target, err := field(&t.DocToTarget, doc)
	if err != nil {
		return item, fmt.Errorf("doc_to_target: %w", err)
	}
	if t.OutputType != "multiple_choice" {
		item.Answer = asText(target)
		return item, t.stops(&item)
	}
	if t.DocToChoice.Kind == 0 {
		return item, errors.New("doc_to_choice is missing: it says which column, or what template, is the list of choices")
	}
	choices, err := field(&t.DocToChoice, doc)
	if err != nil {
		return item, fmt.Errorf("doc_to_choice: %w", err)
	}
	if s, ok := choices.(string); ok { // a column of a CSV holds a list as JSON
		var list []any
		if json.Unmarshal([]byte(s), &list) == nil {
			choices = list
		}
	}
	list, ok := choices.([]any)
	if !ok || len(list) == 0 {
		return item, fmt.Errorf("doc_to_choice: want a list of choices, found %s", asText(choices))
	}
	for _, c := range list {
		item.Choices = append(item.Choices, asText(c))
	}
	_, column := doc[t.DocToTarget.Value]
	item.Gold, err = goldOf(target, column, item.Choices)
	return item, err
}

// goldOf is the index of the right choice, which may be given as its text. As
// in lm-evaluation-harness, a column of texts names the choice even when the
// text is a number, and what a template makes of digits is an index.
func goldOf(target any, column bool, choices []string) (int, error) {
	text := asText(target)
	if _, isText := target.(string); isText && column {
		if i := slices.Index(choices, text); i >= 0 {
			return i, nil
		}
	}
	if i, err := strconv.Atoi(text); err == nil {
		if i < 0 || i >= len(choices) {
			return 0, fmt.Errorf("doc_to_target: choice %d of %d", i, len(choices))
		}
		return i, nil
	}
	if i := slices.Index(choices, text); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("doc_to_target: %q is none of the choices %q", text, choices)
}

// stops reads generation_kwargs.
func (t *taskFile) stops(item *Item) error {
	switch u := t.GenerationKwargs["until"].(type) {
	case nil:
		item.Until = []string{"\n\n"}
		if t.FewshotDelimiter != nil {
			item.Until = []string{*t.FewshotDelimiter}
		}
	case string:
		item.Until = []string{u}
	case []any:
		for _, s := range u {
			item.Until = append(item.Until, asText(s))
		}
	default:
		return fmt.Errorf("generation_kwargs.until: want a list of texts, found %v", u)
	}
	if n, ok := t.GenerationKwargs["max_gen_toks"].(int); ok {
		item.Limit = n
	}
	return nil
}

// field is what a doc_to key says of a row: a column, a template, or itself.
func field(n *yaml.Node, doc map[string]any) (any, error) {
	if n.Kind != yaml.ScalarNode {
		var v any
		err := n.Decode(&v)
		if list, ok := v.([]any); ok { // choices may be templates
			for i, c := range list {
				if s, ok := c.(string); ok {
					if list[i], err = value(s, doc); err != nil {
						return nil, err
					}
				}
			}
		}
		return v, err
	}
	if v, ok := doc[n.Value]; ok {
		return v, nil
	}
	if n.Tag == "!!int" {
		return json.Number(n.Value), nil
	}
	return value(n.Value, doc)
}
