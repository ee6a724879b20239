package nn

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// Experts have the same bits one tensor each, as they lie on disk, and fused, as
// transformers 5 has them in memory.
func TestExpertsOnDisk(t *testing.T) {
	for name, parts := range map[string][4]string{
		"mixtral":   {"block_sparse_moe.gate.weight", "block_sparse_moe.experts.{e}.w1.weight", "block_sparse_moe.experts.{e}.w3.weight", "block_sparse_moe.experts.{e}.w2.weight"},
		"qwen3_moe": {"mlp.gate.weight", "mlp.experts.{e}.gate_proj.weight", "mlp.experts.{e}.up_proj.weight", "mlp.experts.{e}.down_proj.weight"},
	} {
		g := goldens(t)[name]
		fused := g.source(tensor.BF16)
		disk := &memory{data: map[string][]byte{}, mapped: true}
		put := func(name string, rows, cols int, b []byte) {
			disk.infos = append(disk.infos, tensor.Info{Name: name, DType: tensor.BF16, Shape: tensor.Shape{rows, cols}})
			disk.data[name] = b
		}
		for _, info := range fused.infos {
			b, s := fused.data[info.Name], info.Shape
			layer, part, _ := strings.Cut(info.Name, "mlp.")
			for e := 0; len(s) == 3 && e < s[0]; e++ {
				name := func(i int) string { return layer + strings.ReplaceAll(parts[i], "{e}", strconv.Itoa(e)) }
				one := b[e*len(b)/s[0] : (e+1)*len(b)/s[0]]
				if part == "experts.down_proj" {
					put(name(3), s[1], s[2], one)
					continue
				}
				put(name(1), s[1]/2, s[2], one[:len(one)/2])
				put(name(2), s[1]/2, s[2], one[len(one)/2:])
			}
			if len(s) < 3 {
				full := info.Name
				if part == "gate.weight" {
					full = layer + parts[0]
				}
				disk.infos = append(disk.infos, tensor.Info{Name: full, DType: info.DType, Shape: s})
				disk.data[full] = b
			}
		}
		m, err := Open(disk, g.Config, Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		if !bytes.Equal(allRows(t, m, g.batch(), 0), allRows(t, open(t, g, tensor.BF16, Options{}), g.batch(), 0)) {
			t.Error(name, "has other bits when its experts are tensors of their own")
		}
	}
}
