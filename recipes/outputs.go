package recipes

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// OutputParams are the keys of an output.
type OutputParams struct {
	From      schema.Ref     `yaml:"from" doc:"model or step to write"`
	Path      string         `yaml:"path" doc:"directory to write; for imatrix a file, whose older form ends in .dat"`
	Format    string         `yaml:"format" default:"safetensors" doc:"safetensors, compressed-tensors or peft; or imatrix, an importance matrix of llama.cpp"`
	Calibrate schema.DataRef `yaml:"calibrate" check:"optional" doc:"data that an importance matrix is about"`
	DType     string         `yaml:"dtype" check:"optional,enum=float32|bfloat16|float16|float64|float8_e4m3fn|float8_e5m2" doc:"dtype of the written floats; default: as computed"`
	ShardSize schema.Bytes   `yaml:"shard_size" default:"5GB" doc:"largest file of weights"`
	Card      bool           `yaml:"card" default:"true" doc:"write a model card, README.md"`
	NaN       string         `yaml:"nan" default:"keep" check:"enum=keep|zero|error" doc:"what to do with NaN and Inf: keep them and warn, write zeros and warn, or fail"`
}

func (p *parser) outputs(root, n *yaml.Node) {
	if n == nil || n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		if len(p.measuring()) == 0 && !p.unknownOps { // which may measure
			p.fail(root, "outputs", "say what to write: outputs: {model: {from: STEP, path: out/model}}", "the recipe writes nothing and measures nothing")
		}
		return
	}
	for _, m := range p.r.Models {
		for _, input := range []string{m.Path, m.Adapter} {
			if input != "" {
				p.reads[realName(input)] = m.Name
			}
		}
	}
	for _, d := range p.r.Data {
		for _, input := range append(d.Imatrix[:len(d.Imatrix):len(d.Imatrix)], d.Text, d.Task, d.Logits) {
			if input != "" {
				p.reads[realName(input)] = d.Name
			}
		}
	}
	pairs := p.pairs(n, "outputs", "write outputs: {model: {from: STEP, path: out/model}}")
	for _, pair := range pairs {
		path := "outputs." + pair.Key.Value
		var o OutputParams
		if problems := schema.Decode(pair.Value, p.r.File, path, &o); problems != nil {
			p.problems = append(p.problems, problems...)
			p.mention(pair.Value)
			continue
		}
		if p.opt.Out != "" && len(pairs) == 1 {
			o.Path = p.opt.Out
		}
		out := Output{Name: pair.Key.Value, Pos: schema.NodePos(pair.Key, p.r.File), From: o.From, Path: o.Path, Format: o.Format, DType: o.DType, ShardSize: cmp.Or(p.opt.ShardSize, o.ShardSize), NaN: o.NaN, NoCard: !o.Card || p.opt.NoCard}
		out.Calibrate = o.Calibrate
		p.statistics(pair.Value, path, &o)
		p.place(pair.Value, path, out)
		p.known(&out.From, path+".from")
		p.r.Outputs = append(p.r.Outputs, out)
	}
	if p.opt.Out != "" && len(pairs) > 1 {
		p.fail(n, "outputs", "leave --out out", "--out fits recipes with one output, this has %d", len(pairs))
	}
}

// place checks that an output has a path of its own, on which no input lies.
func (p *parser) place(n *yaml.Node, path string, out Output) {
	at := n
	if v := valueOf(n, "path"); v != nil {
		at = v
	}
	if out.Path == "" {
		p.fail(at, path+".path", "write a directory", "the path is empty")
		return
	}
	real := realName(out.Path)
	for _, other := range keys(p.writes) {
		switch {
		case other == real:
			p.fail(at, path, "give it a path of its own", "outputs %s and %s go to one path, %s", p.writes[other], out.Name, out.Path)
		case within(other, real) || within(real, other):
			p.fail(at, path, "put them side by side", "outputs %s and %s lie one inside of the other: writing one would replace both", p.writes[other], out.Name)
		}
	}
	if input, taken := p.reads[real]; taken {
		p.fail(at, path, "write to another path", "output %s would overwrite the input %s", out.Name, input)
	}
	p.writes[real] = out.Name
}

// within says whether a path lies inside of a folder.
func within(folder, path string) bool {
	return strings.HasPrefix(path, folder+string(filepath.Separator))
}

// known checks that a reference names a model.
func (p *parser) known(ref *schema.Ref, path string) {
	if p.yields[ref.Name] {
		return
	}
	problem := schema.Problem{Pos: ref.Pos, Path: path}
	variants, matrix := p.variants[ref.Name]
	_, metrics := p.names[ref.Name]
	switch {
	case matrix:
		p.loose[ref.Name] = true
		problem.Msg = fmt.Sprintf("%q is a matrix of %d steps, and here goes one model", ref.Name, len(variants))
		problem.Cure = "name one: " + strings.Join(variants, ", ")
	case metrics:
		problem.Msg = fmt.Sprintf("step %q yields metrics and not a model", ref.Name)
	default:
		problem.Msg = fmt.Sprintf("unknown model or step %q", ref.Name)
		var models []string
		for _, name := range keys(p.yields) {
			if p.yields[name] {
				models = append(models, name)
			}
		}
		p.loose[schema.Suggest(ref.Name, models)] = true
		problem.Cure = schema.DidYouMean(ref.Name, models)
	}
	p.problems = append(p.problems, problem)
}
