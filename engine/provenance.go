package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouxml/roux/recipes"
)

// lock is the provenance that every output directory carries. It holds no
// times and no paths of the machine, so that it is the same everywhere.
type lock struct {
	Roux    int               `json:"roux"`
	Recipe  string            `json:"recipe"`
	Seed    uint64            `json:"seed"`
	Set     map[string]string `json:"set,omitempty"` // params that were given on the command line
	Output  string            `json:"output"`
	From    string            `json:"from"`
	Inputs  map[string]input  `json:"inputs"`
	Data    map[string]string `json:"data,omitempty"` // what steps calibrate on: its digest, and how much is taken
	Ops     map[string]int    `json:"ops"`
	Root    string            `json:"root"`
	Tensors int               `json:"tensors"`
	Files   []string          `json:"files"` // all that the directory holds
}

type input struct {
	Model    string `json:"model"`
	Revision string `json:"revision,omitempty"`
	Adapter  string `json:"adapter,omitempty"`
}

// LockName is the file that marks a directory as written by roux.
const LockName = "roux.lock.json"

// provenance writes the recipe, the lock and a model card beside the weights.
func (p *Plan) provenance(ctx context.Context, w *write, dir string) error {
	root, err := w.root(ctx)
	if err != nil {
		return err
	}
	l := lock{Roux: 1, Recipe: p.Recipe.Name, Seed: p.Recipe.Seed, Set: p.Recipe.Set, Output: w.out.Name, From: w.out.From.Name,
		Inputs: map[string]input{}, Ops: map[string]int{}, Root: root.String(), Tensors: len(w.cells)}
	for _, m := range p.Recipe.Models {
		l.Inputs[m.Name] = input{Model: publicName(m), Revision: m.Revision, Adapter: filepath.Base(m.Adapter)}
		if m.Adapter == "" {
			l.Inputs[m.Name] = input{Model: publicName(m), Revision: m.Revision}
		}
	}
	for _, c := range p.calibs {
		if l.Data == nil {
			l.Data = map[string]string{}
		}
		l.Data[c.data.data.Name] = c.data.digest
	}
	for _, n := range p.order {
		if n.op != nil {
			l.Ops[n.op.Name] = n.op.Version
		}
	}
	if l.Files, err = p.filesOf(w, dir); err != nil {
		return err
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{LockName: append(text, '\n'), p.recipeName(): p.Recipe.Text}
	if !w.out.NoCard {
		files[cardName] = p.card(w, p.recipeName())
	}
	if text := p.Recipe.MergekitText(); text != nil {
		files[mergekitName] = text
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// filesOf lists what a directory will hold with its provenance.
func (p *Plan) filesOf(w *write, dir string) ([]string, error) {
	names := p.provenanceFiles(w.out)
	stored, err := look(dir)
	names = slices.AppendSeq(names, maps.Keys(stored))
	slices.Sort(names)
	return slices.Compact(names), err
}

// recipeName is the name under which an output carries the recipe.
func (p *Plan) recipeName() string {
	if p.Recipe.Mergekit {
		return mergekitName
	}
	return "recipe.yaml"
}

const (
	cardName     = "README.md"
	mergekitName = "mergekit_config.yml" // where the Hub's tools look for it
)

// provenanceFiles are the files that provenance writes.
func (p *Plan) provenanceFiles(out recipes.Output) []string {
	var names []string
	if !out.NoCard {
		names = append(names, cardName)
	}
	names = append(names, p.recipeName())
	if p.Recipe.MergekitText() != nil {
		names = append(names, mergekitName)
	}
	names = append(names, LockName)
	return names
}

// publicName is how a card names an input: a Hub id as it is, a local path by
// its last part.
func publicName(m recipes.Model) string {
	if m.Path == "" {
		return m.Name
	}
	if _, err := os.Stat(m.Path); err == nil {
		return filepath.Base(m.Path)
	}
	return m.Path
}

// card is a model card with the front matter that the Hub reads.
func (p *Plan) card(w *write, recipeName string) []byte {
	var b strings.Builder
	b.WriteString("---\n")
	if w.node.model.Adapter != nil {
		b.WriteString("library_name: peft\n")
	} else {
		b.WriteString("library_name: transformers\n")
	}
	if bases := p.bases(); len(bases) > 0 {
		b.WriteString("base_model:\n- " + strings.Join(bases, "\n- ") + "\n")
	}
	b.WriteString("tags:\n- roux\n")
	if strings.HasPrefix(w.opName(), "merge.") || p.Recipe.Mergekit {
		b.WriteString("- mergekit\n- merge\n")
	}
	title := p.Recipe.Name
	if p.Recipe.Mergekit { // its files are all called alike
		title = filepath.Base(w.path)
	}
	fmt.Fprintf(&b, "---\n# %s\n\n", title)
	if p.Recipe.Description != "" {
		b.WriteString(p.Recipe.Description + "\n\n")
	}
	for _, name := range slices.Sorted(maps.Keys(p.Recipe.Set)) {
		fmt.Fprintf(&b, "Run with `--set %s=%s`.\n\n", name, p.Recipe.Set[name])
	}
	if models := p.ingredients(); len(models) > 1 {
		b.WriteString("Models that went in:\n\n* " + strings.Join(models, "\n* ") + "\n\n")
	}
	fmt.Fprintf(&b, "Made by [roux](https://github.com/rouxml/roux) from `%s`:\n\n```yaml\n%s```\n", recipeName, p.Recipe.Text)
	return []byte(b.String())
}

// bases lists the models and adapters of the Hub that went in, each once.
func (p *Plan) bases() []string {
	var ids []string
	for _, m := range p.Recipe.Models {
		for _, path := range []string{m.Path, m.Adapter} {
			if _, err := os.Stat(path); path != "" && err != nil && !slices.Contains(ids, path) {
				ids = append(ids, path)
			}
		}
	}
	return ids
}

// ingredients lists the models that went in, with links to those of the Hub.
func (p *Plan) ingredients() []string {
	var list []string
	for _, m := range p.Recipe.Models {
		line := p.linked(publicName(m), m.Path)
		if m.Adapter != "" {
			line += " + " + p.linked(filepath.Base(m.Adapter), m.Adapter)
		}
		if !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

func (p *Plan) linked(name, path string) string {
	if slices.Contains(p.bases(), path) {
		return fmt.Sprintf("[%s](https://huggingface.co/%s)", path, path)
	}
	return name
}

// opName is the op that made an output's model, or nothing for an input.
func (w *write) opName() string {
	if w.node.op == nil {
		return ""
	}
	return w.node.op.Name
}
