package recipes

import (
	"embed"
	"io/fs"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

//go:embed *.yaml
var shipped embed.FS

// Shipped lists the names of the recipes that come with roux.
func Shipped() []string {
	files, _ := fs.Glob(shipped, "*.yaml") // the pattern is right
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f, ".yaml")
	}
	return names
}

// placeholder begins the paths of a Starter that stand for what is the user's.
const placeholder = "path/to/"

const starterHead = `# Each path/to/... stands for something of yours: put a directory, a .safetensors
# or .gguf file, or a Hub id such as org/model in its place; for data a text file,
# a table or a Hub data set. Until then roux check names the places that are open.
`

// Starter returns a recipe that comes with roux with placeholders for the models
// and data of this project's tests, or false. It checks without problems
// anywhere, and a plan of it says what is still to be filled in.
func Starter(name string) ([]byte, bool) {
	text, ok := ShippedText(name)
	ours := regexp.MustCompile(`\btestdata/(?:[\w.-]+/)*([\w.-]+)`)
	return append([]byte(starterHead), ours.ReplaceAll(text, []byte(placeholder+"$1"))...), ok
}

// open notes a path that is still to be filled in.
func (p *parser) open(n *yaml.Node, path, s string) {
	p.r.Open = append(p.r.Open, schema.Problem{Pos: schema.NodePos(n, p.r.File), Path: path,
		Msg: s + " is a placeholder", Cure: "put a path or a Hub id of your own there"})
}

// ShippedText returns a recipe that comes with roux, or false.
func ShippedText(name string) ([]byte, bool) {
	text, err := shipped.ReadFile(name + ".yaml")
	return text, err == nil
}
