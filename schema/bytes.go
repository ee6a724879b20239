package schema

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"gopkg.in/yaml.v3"
)

// Bytes is a size such as 5GB (10^9), 512MiB (2^20) or a plain number of bytes.
type Bytes int64

// ParseBytes reads a size.
func ParseBytes(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > 1<<62 {
		return 0, fmt.Errorf("%q is not a size: write a number with KB, MB, GB, KiB, MiB or GiB", s)
	}
	return int64(n), nil
}

// DecodeYAML reads a size.
func (b *Bytes) DecodeYAML(n *yaml.Node, file, path string) Problems {
	v, err := ParseBytes(n.Value)
	if n.Kind != yaml.ScalarNode {
		err = fmt.Errorf("want a size, found %s", describe(n))
	}
	if err != nil {
		return Problems{{Pos: posOf(n, file), Path: path, Msg: err.Error()}}
	}
	*b = Bytes(v)
	return nil
}

// TypeName is what help calls the type.
func (Bytes) TypeName() string { return "size" }

// JSONSchema describes the YAML form.
func (Bytes) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "integer", "minimum": 0}, map[string]any{"type": "string", "pattern": `^\s*[0-9.]+\s*[kKMGT]?i?B?\s*$`}}}
}
