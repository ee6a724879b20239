package recipes

import (
	"embed"
	"io/fs"
	"strings"
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

// ShippedText returns a recipe that comes with roux, or false.
func ShippedText(name string) ([]byte, bool) {
	text, err := shipped.ReadFile(name + ".yaml")
	return text, err == nil
}
