package resize

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

// named reads roles off dotted names: the first number is the layer, the tower
// is what stands before it, unless that is main.
type named struct{ main string }

func (named) Layers() int { return 0 }

func (n named) Role(name string, _ tensor.Shape) tensor.Role {
	r := tensor.Role{Layer: -1, Kind: tensor.Other, Foreign: strings.Contains(name, "vision") || strings.Contains(name, "projector")}
	for word, kind := range map[string]tensor.Kind{"bias": tensor.Bias, "norm": tensor.Norm, "head": tensor.Head, "embed": tensor.Embed} {
		if strings.Contains(name, word) {
			r.Kind = kind
		}
	}
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if layer, err := strconv.Atoi(part); err == nil {
			r.Layer = layer
			if r.Tower = strings.Join(parts[:i], "."); r.Tower == n.main {
				r.Tower, r.Foreign = "", false
			}
			break
		}
	}
	return r
}

func of(main, config string, names ...string) ops.Header {
	var infos []tensor.Info
	for _, name := range names {
		infos = append(infos, tensor.Info{Name: name, DType: tensor.F32, Shape: tensor.Shape{2}})
	}
	return ops.NewHeader("m", infos, &tensor.Model{Roles: named{main}, Config: []byte(config)})
}

// stackOf runs the op's plan over two copies of a model and says for each
// tensor of the result which copy it is of.
func stackOf(t *testing.T, params string, h ops.Header) (picks, config string, err error) {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("resize.stack")
	p := opstest.Decode(t, op, params)
	in := []ops.Header{h, h}
	chosen, err := op.Select(p, in)
	if err != nil {
		return "", "", err
	}
	var list []string
	for _, c := range chosen {
		list = append(list, c.Name+"="+strconv.Itoa(c.From.Port)+":"+c.From.Name)
	}
	out := &tensor.Model{Config: h.Config}
	err = op.Ride(p, in, out)
	return strings.Join(list, " "), string(out.Config), err
}

// TestTowers: the named tower's layers are stacked, its norm behind them is the
// last model's, all else the first's; the config counts the layers where it
// did.
func TestTowers(t *testing.T) {
	pair := of("decoder.block", `{"is_encoder_decoder":true,"num_layers":2,"num_decoder_layers":2,"num_hidden_layers":2}`,
		"shared.embed", "encoder.block.0.x", "encoder.block.1.x", "encoder.norm", "decoder.block.0.x", "decoder.block.1.x", "decoder.norm", "head")
	eyes := of("model.text.layers", `{"num_hidden_layers":9,"text_config":{"num_hidden_layers":1},"vision_config":{"depth":2,"kinds":["a","b"]}}`,
		"model.vision.embed.bias", "model.vision.blocks.0.x", "model.vision.blocks.1.x", "model.vision.norm", "model.vision.merger.0.x", "model.projector.norm", "model.text.layers.0.x", "model.text.norm.bias", "head")
	for _, c := range []struct {
		name, params, picks, config string
		of                          ops.Header
	}{
		{"encoder", "{tower: encoder, slices: [a, {model: b, layers: [1, 2]}]}",
			"shared.embed=0:shared.embed decoder.block.0.x=0:decoder.block.0.x decoder.block.1.x=0:decoder.block.1.x decoder.norm=0:decoder.norm head=0:head " +
				"encoder.block.0.x=0:encoder.block.0.x encoder.block.1.x=0:encoder.block.1.x encoder.block.2.x=1:encoder.block.1.x encoder.norm=1:encoder.norm",
			`{"is_encoder_decoder":true,"num_layers":3,"num_decoder_layers":2,"num_hidden_layers":3}`, pair},
		{"decoder", "{tower: decoder, slices: [{model: a, layers: [0, 1]}, b]}",
			"shared.embed=0:shared.embed encoder.block.0.x=0:encoder.block.0.x encoder.block.1.x=0:encoder.block.1.x encoder.norm=0:encoder.norm " +
				"decoder.block.0.x=0:decoder.block.0.x decoder.block.1.x=1:decoder.block.0.x decoder.block.2.x=1:decoder.block.1.x decoder.norm=1:decoder.norm head=1:head",
			`{"is_encoder_decoder":true,"num_layers":2,"num_decoder_layers":3,"num_hidden_layers":2}`, pair},
		{"eyes", "{tower: vis, slices: [{model: a, layers: [1, 2]}, b]}",
			"model.vision.embed.bias=0:model.vision.embed.bias model.vision.merger.0.x=0:model.vision.merger.0.x model.projector.norm=0:model.projector.norm " +
				"model.text.layers.0.x=0:model.text.layers.0.x model.text.norm.bias=0:model.text.norm.bias head=0:head " +
				"model.vision.blocks.0.x=0:model.vision.blocks.1.x model.vision.blocks.1.x=1:model.vision.blocks.0.x model.vision.blocks.2.x=1:model.vision.blocks.1.x model.vision.norm=1:model.vision.norm",
			`{"num_hidden_layers":9,"text_config":{"num_hidden_layers":1},"vision_config":{"depth":3,"kinds":["b", "a", "b"]}}`, eyes},
		{"text", "{slices: [a, b]}",
			"model.vision.embed.bias=0:model.vision.embed.bias model.vision.blocks.0.x=0:model.vision.blocks.0.x model.vision.blocks.1.x=0:model.vision.blocks.1.x model.vision.norm=0:model.vision.norm " +
				"model.vision.merger.0.x=0:model.vision.merger.0.x model.projector.norm=0:model.projector.norm " +
				"model.text.layers.0.x=0:model.text.layers.0.x model.text.layers.1.x=1:model.text.layers.0.x model.text.norm.bias=1:model.text.norm.bias head=1:head",
			string(eyes.Config), eyes},
	} {
		picks, config, err := stackOf(t, c.params, c.of)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if picks != c.picks {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, picks, c.picks)
		}
		if config != c.config {
			t.Errorf("%s: %s, want %s", c.name, config, c.config)
		}
	}
}

// TestWhichTower: without a name, or with one of none or several, it is asked.
func TestWhichTower(t *testing.T) {
	pair := of("decoder.block", `{"is_encoder_decoder":true}`, "encoder.block.0.x", "decoder.block.0.x")
	for params, want := range map[string]string{
		"{slices: [a, b]}":                 "has an encoder and a decoder: say which to stack",
		"{tower: coder, slices: [a, b]}":   "2 towers of m are named coder: its layers are those of decoder.block, encoder.block",
		"{tower: eyes, slices: [a, b]}":    "0 towers of m are named eyes",
		"{tower: encoder, slices: [a, b]}": "config.json does not say by any of encoder_layers",
	} {
		if _, _, err := stackOf(t, params, pair); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", params, err, want)
		}
	}
}
