package recipes

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// modelParams is a model in its long form.
type modelParams struct {
	Path            string `yaml:"path" check:"optional" doc:"directory, .safetensors, .bin, .pt or .pth file, or hub id"`
	Revision        string `yaml:"revision" check:"optional" doc:"branch, tag or commit of a hub id"`
	Adapter         string `yaml:"adapter" check:"optional" doc:"LoRA adapter to apply"`
	AdapterRevision string `yaml:"adapter_revision" check:"optional" doc:"branch, tag or commit of the adapter"`
	Architecture    string `yaml:"architecture" check:"optional" doc:"class that config.json names in architectures, such as LlamaForCausalLM; default: as it does"`
	Recipe          string `yaml:"recipe" check:"optional" doc:"another recipe whose output this is"`
	Output          string `yaml:"output" check:"optional" doc:"which output or step of that recipe"`
}

func (p *parser) models(n *yaml.Node) {
	if n == nil {
		return
	}
	for _, pair := range p.pairs(n, "models", "write models as name: path") {
		path := "models." + pair.Key.Value
		if !p.claim(pair.Key, path, pair.Key.Value, true) {
			continue
		}
		m := Model{Name: pair.Key.Value, Pos: schema.NodePos(pair.Value, p.r.File)}
		if p.model(pair.Value, path, &m) {
			p.r.Models = append(p.r.Models, m)
		}
	}
}

func (p *parser) model(n *yaml.Node, path string, m *Model) bool {
	var long modelParams
	if n.Kind == yaml.ScalarNode {
		long.Path = n.Value
	} else if problems := schema.Decode(n, p.r.File, path, &long); problems != nil {
		p.problems = append(p.problems, problems...)
		return false
	}
	switch {
	case long.Recipe != "" && long.Path != "":
		p.fail(n, path, "keep one of them", "both path and recipe are given")
		return false
	case long.Recipe != "":
		return p.subRecipe(n, path, long, m)
	case long.Path == "":
		p.fail(n, path, "write a directory, a .safetensors file or a hub id", "the model has no path")
		return false
	}
	m.Architecture = long.Architecture
	base, adapter := long.Path, long.Adapter
	if adapter == "" && !exists(p.local(base)) {
		base, adapter, _ = strings.Cut(base, "+")
	}
	var ok1, ok2 bool
	if n.Kind == yaml.MappingNode {
		n = cmp.Or(valueOf(n, "path"), n)
	}
	m.Path, m.Revision, ok1 = p.reference(n, path, base, long.Revision)
	m.Adapter, m.AdapterRevision, ok2 = p.reference(n, path, adapter, long.AdapterRevision)
	return ok1 && ok2
}

// reference splits path@revision, unless a file has that name, and finds local
// paths. A revision may also stand in a key of its own.
func (p *parser) reference(n *yaml.Node, path, s, key string) (local, revision string, ok bool) {
	if !exists(p.local(s)) {
		s, revision, _ = strings.Cut(s, "@")
	}
	if key != "" && revision != "" && key != revision {
		p.fail(n, path, "keep one of them", "two revisions are given, %q and %q", revision, key)
		return "", "", false
	}
	if strings.ContainsAny(revision, "@+") || strings.Contains(s, "+") && !exists(p.local(s)) {
		p.fail(n, path, "write path@revision+adapter@revision, or path and adapter as keys of their own", "cannot read the model reference %q", n.Value)
		return "", "", false
	}
	local = p.local(s)
	if strings.HasPrefix(s, placeholder) && !exists(local) {
		p.open(n, path, s)
		return local, "", true
	}
	if s != "" && !exists(local) && onlyLocal(s) {
		p.fail(n, path, beside(local), "%s does not exist", local)
		return "", "", false
	}
	return local, cmp.Or(key, revision), true
}

// onlyLocal says whether a reference can only be a path of this machine, and no
// Hub id.
func onlyLocal(s string) bool {
	folder := filepath.Dir(s)
	return filepath.IsAbs(s) || strings.HasPrefix(s, ".") || strings.Count(filepath.ToSlash(s), "/") > 1 ||
		slices.Contains([]string{".safetensors", ".bin", ".pt", ".pth"}, filepath.Ext(s)) || folder != "." && exists(folder)
}

// beside suggests what lies in the folder of a path that leads to nothing, or
// says that there is no such folder.
func beside(path string) string {
	folder := filepath.Dir(path)
	for ; !exists(folder); folder = filepath.Dir(folder) {
		path = folder
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		if names[i] = e.Name(); names[i] == filepath.Base(path) {
			return "it is a link that leads nowhere"
		}
	}
	if name := schema.Suggest(filepath.Base(path), names); name != "" {
		return fmt.Sprintf("did you mean %q?", filepath.Join(folder, name))
	}
	return fmt.Sprintf("%s has no %s", folder, filepath.Base(path))
}

// local finds a relative path. It starts at the recipe's folder if it begins
// with a dot or is there, else at the current directory; a mergekit file's
// paths start at the current directory unless they are only at the recipe's.
func (p *parser) local(s string) string {
	if s == "" || filepath.IsAbs(s) {
		return s
	}
	beside := filepath.Join(p.r.Dir, s)
	dotted := strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
	switch {
	case p.r.Mergekit && (exists(s) || !exists(beside)):
		return s
	case dotted || exists(beside):
		return beside
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// subRecipe reads the recipe whose output a model is.
func (p *parser) subRecipe(n *yaml.Node, path string, long modelParams, m *Model) bool {
	file := p.local(long.Recipe)
	if long.Revision != "" || long.Adapter != "" || long.AdapterRevision != "" || long.Architecture != "" {
		p.fail(n, path, "adapter.apply adds an adapter in a step", "a recipe takes no revision, adapter and architecture")
		return false
	}
	if i := slices.Index(p.above, realName(file)); i >= 0 {
		p.fail(n, path, "a recipe cannot be its own input", "recipes go round in a circle through %s", file)
		return false
	}
	sub, err := load(file, p.cat, Options{}, p.above)
	var problems schema.Problems
	if errors.As(err, &problems) {
		p.problems = append(p.problems, problems...)
		return false
	}
	if err != nil {
		p.fail(n, path, "", "%v", err)
		return false
	}
	m.Recipe, m.Output = sub, long.Output
	p.r.Open = append(p.r.Open, sub.Open...)
	var outputs, steps []string
	for _, o := range sub.Outputs {
		if o.Calibrate.Name == "" {
			outputs = append(outputs, o.Name)
		}
	}
	for _, s := range sub.Steps {
		if !s.Measures {
			steps = append(steps, s.Name)
		}
	}
	switch known := append(outputs, steps...); {
	case m.Output == "" && len(outputs) != 1:
		p.fail(n, path, "say output: NAME, one of "+strings.Join(known, ", "), "recipe %s has %d outputs", file, len(outputs))
		return false
	case m.Output != "" && !slices.Contains(known, m.Output):
		p.fail(n, path, schema.DidYouMean(m.Output, known), "recipe %s has no output or step %q", file, m.Output)
		return false
	}
	return true
}
