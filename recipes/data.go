package recipes

import (
	"fmt"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Data is an entry of `data`: what evaluations read.
type Data struct {
	Name string
	Pos  schema.Pos
	DataParams
}

// DataParams are the keys of an entry.
type DataParams struct {
	Text        string  `yaml:"text" check:"optional" doc:"texts: a text file, a .jsonl, .csv, .tsv or .parquet file, or a Hub data set"`
	Task        string  `yaml:"task" check:"optional" doc:"questions: a task file of lm-evaluation-harness, or a table with doc_to_text"`
	Logits      string  `yaml:"logits" check:"optional" doc:"predictions of a reference model, as llama-perplexity --kl-divergence-base writes them"`
	Imatrix     Paths   `yaml:"imatrix" check:"optional" doc:"in place of texts, for steps that need sums of squares alone: an importance matrix of llama.cpp, or several, which add up"`
	Revision    string  `yaml:"revision" check:"optional" doc:"branch, tag or commit of a Hub data set"`
	Files       string  `yaml:"files" check:"optional" doc:"which files of a Hub data set, as a pattern such as data/test-*.parquet"`
	Field       string  `yaml:"field" default:"text" doc:"column of a table that holds the text"`
	Length      int     `yaml:"length" check:"optional,>=1" doc:"tokens of a sample"`
	Samples     int     `yaml:"samples" check:"optional,>=1" doc:"how many samples; default: all"`
	Special     bool    `yaml:"special" default:"false" doc:"take special tokens that are written in the text for what they say"`
	Fewshot     *int    `yaml:"num_fewshot" check:"optional,>=0" doc:"solved questions before each; default: as the task says"`
	DocToText   string  `yaml:"doc_to_text" check:"optional" doc:"context of a table's question: a column or a template"`
	DocToChoice string  `yaml:"doc_to_choice" check:"optional" doc:"its choices: a column, or a template that makes a list"`
	DocToTarget string  `yaml:"doc_to_target" check:"optional" doc:"the right choice or answer: a column or a template"`
	Seed        *uint64 `yaml:"seed" check:"optional" doc:"draw the samples with this seed instead of taking the first"`
}

func (p *parser) data(n *yaml.Node) {
	if n == nil {
		return
	}
	for _, pair := range p.pairs(n, "data", "write data as name: {text: PATH}") {
		path := "data." + pair.Key.Value
		p.datasets[pair.Key.Value] = true
		if !isName(pair.Key.Value) {
			p.fail(pair.Key, path, "use letters, digits, . _ and -, beginning with a letter", "%q is no name", pair.Key.Value)
			continue
		}
		d := Data{Name: pair.Key.Value, Pos: schema.NodePos(pair.Value, p.r.File)}
		if p.entry(pair.Value, path, &d) {
			p.r.Data = append(p.r.Data, d)
		} else {
			p.loose[d.Name] = true // it has a problem already
		}
	}
}

// entry reads one entry and finds its file.
func (p *parser) entry(n *yaml.Node, path string, d *Data) bool {
	if problems := schema.Decode(n, p.r.File, path, &d.DataParams); problems != nil {
		p.problems = append(p.problems, problems...)
		return false
	}
	if d.Imatrix != nil {
		return p.importance(n, path, d)
	}
	key, at := "", (*string)(nil)
	for _, one := range []struct {
		key string
		at  *string
	}{{"text", &d.Text}, {"task", &d.Task}, {"logits", &d.Logits}} {
		switch {
		case *one.at == "":
		case key != "":
			p.fail(n, path, "keep one of them", "both %s and %s are given", key, one.key)
			return false
		default:
			key, at = one.key, one.at
		}
	}
	if key == "" {
		p.fail(n, path, "write {text: PATH} or {task: PATH}", "the data has no path")
		return false
	}
	for _, other := range meaningless[key] {
		if v := valueOf(n, other); v != nil {
			p.fail(v, path+"."+other, "remove it", "%s means nothing for a %s", other, key)
		}
	}
	where := valueOf(n, key)
	var ok bool
	*at, d.Revision, ok = p.reference(where, path+"."+key, *at, d.Revision)
	if ok && (onlyFile(*at) || key == "logits") && !exists(*at) {
		p.fail(where, path+"."+key, beside(*at), "%s does not exist", *at)
		return false
	}
	return ok
}

// meaningless are the keys that say nothing about a kind of data.
var meaningless = map[string][]string{
	"text":   {"num_fewshot", "doc_to_text", "doc_to_choice", "doc_to_target"},
	"task":   {"length", "field"},
	"logits": {"num_fewshot", "doc_to_text", "doc_to_choice", "doc_to_target", "length", "field", "special", "revision", "files"},
}

// onlyFile says whether a name can only be that of a file, and no Hub id.
func onlyFile(path string) bool {
	if strings.HasPrefix(path, placeholder) { // nor what is still to be filled in
		return false
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".txt", ".md", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".yaml", ".yml":
		return true
	}
	return false
}

// readsData finds the data that a step reads.
func (p *parser) readsData(path string, s *Step) {
	for _, ref := range schema.DataRefs(s.Params) {
		if !p.datasets[ref.Name] {
			cure := schema.DidYouMean(ref.Name, keys(p.datasets))
			if len(p.datasets) == 0 {
				cure = fmt.Sprintf("write data: {%s: {text: PATH}} at the top", ref.Name)
			}
			p.loose[schema.Suggest(ref.Name, keys(p.datasets))] = true
			p.problems = append(p.problems, schema.Problem{Pos: ref.Pos, Path: path, Msg: fmt.Sprintf("unknown data %q", ref.Name), Cure: cure})
		}
		s.Data = append(s.Data, ref)
	}
}

// unusedData reports data that no step reads.
func (p *parser) unusedData() {
	used := map[string]bool{}
	for i := range p.r.Steps {
		for _, ref := range p.r.Steps[i].Data {
			used[ref.Name] = true
		}
	}
	for _, d := range p.r.Data {
		if !used[d.Name] && !p.loose[d.Name] {
			p.problems = append(p.problems, schema.Problem{Pos: d.Pos, Path: "data." + d.Name, Msg: fmt.Sprintf("nothing uses data %q", d.Name), Cure: "remove it, or name it in an evaluate step, or under calibrate in a step or an output"})
		}
	}
}
