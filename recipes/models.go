package recipes

import (
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
	Path            string `yaml:"path" check:"optional" doc:"directory, .safetensors file or hub id"`
	Revision        string `yaml:"revision" check:"optional" doc:"branch, tag or commit of a hub id"`
	Adapter         string `yaml:"adapter" check:"optional" doc:"LoRA adapter to apply"`
	AdapterRevision string `yaml:"adapter_revision" check:"optional" doc:"branch, tag or commit of the adapter"`
	Recipe          string `yaml:"recipe" check:"optional" doc:"another recipe whose output this is"`
	Output          string `yaml:"output" check:"optional" doc:"which output or step of that recipe"`
}

func (p *parser) models(n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "models", "write models as name: path", "want a mapping")
		return
	}
	pairs, problems := schema.Pairs(n, p.r.File, "models")
	p.problems = append(p.problems, problems...)
	for _, pair := range pairs {
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
	base, adapter := long.Path, long.Adapter
	if adapter == "" && !exists(p.local(base)) {
		base, adapter, _ = strings.Cut(base, "+")
	}
	m.Path, m.Revision = p.reference(base)
	m.Adapter, m.AdapterRevision = p.reference(adapter)
	if long.Revision != "" {
		m.Revision = long.Revision
	}
	if long.AdapterRevision != "" {
		m.AdapterRevision = long.AdapterRevision
	}
	return true
}

// reference splits path@revision and finds local paths.
func (p *parser) reference(s string) (path, revision string) {
	if s == "" {
		return "", ""
	}
	path = s
	if !exists(p.local(s)) {
		path, revision, _ = strings.Cut(s, "@")
	}
	return p.local(path), revision
}

// local finds a relative path: beside the recipe if it begins with a dot or is
// there, else from the current directory.
func (p *parser) local(s string) string {
	if filepath.IsAbs(s) {
		return s
	}
	beside := filepath.Join(p.r.dir(), s)
	dotted := strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
	if dotted && exists(beside) || !exists(s) && exists(beside) {
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
	if m.Output == "" && len(sub.Outputs) != 1 {
		p.fail(n, path, "say output: NAME", "recipe %s has %d outputs", file, len(sub.Outputs))
		return false
	}
	return true
}

// outputParams is an output as it stands in a recipe.
type outputParams struct {
	From      schema.Ref   `yaml:"from" doc:"model or step to write"`
	Path      string       `yaml:"path" doc:"directory to write"`
	Format    string       `yaml:"format" default:"safetensors" doc:"safetensors, compressed-tensors or peft"`
	DType     string       `yaml:"dtype" check:"optional,enum=float32|bfloat16|float16|float64|float8_e4m3fn|float8_e5m2" doc:"dtype of the written floats; default: as computed"`
	ShardSize schema.Bytes `yaml:"shard_size" default:"5GB" doc:"largest file of weights"`
}

func (p *parser) outputs(root, n *yaml.Node) {
	if n == nil || len(n.Content) == 0 {
		if len(p.measuring()) == 0 {
			p.fail(root, "outputs", "say what to write: outputs: {model: {from: STEP, path: out/model}}", "the recipe writes nothing and measures nothing")
		}
		return
	}
	pairs, problems := schema.Pairs(n, p.r.File, "outputs")
	p.problems = append(p.problems, problems...)
	at := map[string]string{}
	for _, pair := range pairs {
		path := "outputs." + pair.Key.Value
		var o outputParams
		if problems := schema.Decode(pair.Value, p.r.File, path, &o); problems != nil {
			p.problems = append(p.problems, problems...)
			continue
		}
		out := Output{Name: pair.Key.Value, Pos: schema.NodePos(pair.Key, p.r.File), From: o.From, Path: o.Path, Format: o.Format, DType: o.DType, ShardSize: o.ShardSize}
		if p.opt.Out != "" && len(pairs) == 1 {
			out.Path = p.opt.Out
		}
		if first, taken := at[filepath.Clean(out.Path)]; taken {
			p.fail(pair.Value, path, "give it a path of its own", "outputs %s and %s go to one path, %s", first, out.Name, out.Path)
		}
		at[filepath.Clean(out.Path)] = out.Name
		p.known(&out.From, path+".from")
		p.r.Outputs = append(p.r.Outputs, out)
	}
	if p.opt.Out != "" && len(pairs) > 1 {
		p.fail(n, "outputs", "leave --out out", "--out fits recipes with one output, this has %d", len(pairs))
	}
}

// known checks that a reference names a model.
func (p *parser) known(ref *schema.Ref, path string) {
	yields, ok := p.yields[ref.Name]
	if ok && yields {
		return
	}
	problem := schema.Problem{Pos: ref.Pos, Path: path}
	switch {
	case ok:
		problem.Msg = fmt.Sprintf("step %q yields metrics and not a model", ref.Name)
	case len(p.variants[ref.Name]) > 0:
		problem.Msg = fmt.Sprintf("%q is a matrix of steps", ref.Name)
		problem.Cure = "name one: " + strings.Join(p.variants[ref.Name], ", ")
	default:
		problem.Msg = fmt.Sprintf("unknown model or step %q", ref.Name)
		var models []string
		for name, model := range p.yields {
			if model {
				models = append(models, name)
			}
		}
		problem.Cure = schema.DidYouMean(ref.Name, models)
	}
	p.problems = append(p.problems, problem)
}
