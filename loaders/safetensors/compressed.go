package safetensors

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// Compressed stores quantized tensors as the compressed-tensors package does:
// weights alone as pack-quantized (codes packed into int32), with int8
// activations as int-quantized. Plain tensors go through. It is a tensor.Sink over a Writer.
type Compressed struct {
	w     *Writer
	parts map[string]*packer // of the quantized tensors
}

// NewCompressed wraps a Writer.
func NewCompressed(w *Writer) *Compressed {
	return &Compressed{w: w, parts: map[string]*packer{}}
}

// Begin announces the tensors that the format stores for each given one.
func (c *Compressed) Begin(ctx context.Context, infos []tensor.Info) error {
	stored, err := physicals(infos)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if info.Quant != nil {
			c.parts[info.Name] = &packer{c: c, info: info}
		}
	}
	return c.w.Begin(ctx, stored)
}

// physicals lists the tensors that hold given ones, in their order.
func physicals(infos []tensor.Info) ([]tensor.Info, error) {
	var stored []tensor.Info
	for _, info := range infos {
		if info.Quant == nil {
			stored = append(stored, info)
			continue
		}
		more, err := physical(info)
		if err != nil {
			return nil, err
		}
		stored = append(stored, more...)
	}
	return stored, nil
}

// physical lists the tensors that hold a quantized one.
func physical(info tensor.Info) ([]tensor.Info, error) {
	if !strings.HasSuffix(info.Name, "weight") || len(info.Shape) != 2 {
		return nil, fmt.Errorf("tensor %s: compressed-tensors stores matrices named weight alone", info.Name)
	}
	rows, cols, groups := info.Shape[0], info.Shape[1], info.Quant.Groups(info.Shape[1])
	list := []tensor.Info{
		{Name: info.Name, DType: tensor.I8, Shape: info.Shape},
		{Name: info.Name + "_scale", DType: info.DType, Shape: tensor.Shape{rows, groups}},
	}
	zero := tensor.Info{Name: info.Name + "_zero_point", DType: tensor.I32}
	if packed(*info.Quant) {
		per := 32 / info.Quant.Bits
		list[0] = tensor.Info{Name: info.Name + "_packed", DType: tensor.I32, Shape: tensor.Shape{rows, (cols + per - 1) / per}}
		list = append(list, tensor.Info{Name: info.Name + "_shape", DType: tensor.I64, Shape: tensor.Shape{2}})
		zero.Shape = tensor.Shape{(rows + per - 1) / per, groups}
	}
	if !info.Quant.Symmetric {
		list = append(list, zero)
	}
	return list, nil
}

// packed says whether codes share int32 words: loaders expect it of all that
// quantize weights alone.
func packed(q tensor.Quant) bool { return !q.Activations }

// Writer returns where the records of a quantized tensor, or the bytes of a
// plain one, go.
func (c *Compressed) Writer(name string) (io.WriterAt, error) {
	if p, ok := c.parts[name]; ok {
		return p, nil
	}
	return c.w.Writer(name)
}

// Commit writes what is only known at the end, and makes all durable.
func (c *Compressed) Commit(ctx context.Context) error {
	for _, p := range c.parts {
		if err := p.finish(); err != nil {
			return err
		}
	}
	return c.w.Commit(ctx)
}

// Abort removes every file.
func (c *Compressed) Abort() error { return c.w.Abort() }

// packer turns row records into the format's tensors.
type packer struct {
	c    *Compressed
	info tensor.Info

	mu    sync.Mutex
	zeros []int8 // rows x groups, packed down the rows once all are there
	seen  int    // rows
}

// WriteAt takes whole rows.
func (p *packer) WriteAt(b []byte, off int64) (int, error) {
	size := int64(p.info.RowBytes())
	if off%size != 0 || int64(len(b))%size != 0 {
		return 0, fmt.Errorf("tensor %s: quantized rows are written whole", p.info.Name)
	}
	row, n := int(off/size), int(int64(len(b))/size)
	if err := p.codes(b, row, n); err != nil {
		return 0, err
	}
	return len(b), p.scales(b, row, n)
}

func (p *packer) codes(b []byte, row, n int) error {
	cols, bits := p.info.Shape[1], p.info.Quant.Bits
	name, width, per, offset := p.info.Name, cols, 1, 0
	if packed(*p.info.Quant) {
		per, offset = 8/bits, 1<<(bits-1)
		name, width = name+"_packed", (cols*bits+31)/32*4
	}
	out := make([]byte, n*width)
	for i := range n {
		r := codec.RecordAt(b, i, cols, *p.info.Quant)
		line := out[i*width : (i+1)*width]
		for j := range cols {
			line[j/per] |= byte(int(r.Code(j))+offset) << (bits * (j % per))
		}
	}
	return p.put(name, out, int64(row*width))
}

func (p *packer) scales(b []byte, row, n int) error {
	groups := p.info.Quant.Groups(p.info.Shape[1])
	vals := make([]float32, n*groups)
	for i := range n {
		r := codec.RecordAt(b, i, p.info.Shape[1], *p.info.Quant)
		for g := range groups {
			vals[i*groups+g] = r.Scale(g)
		}
	}
	if !p.info.Quant.Symmetric {
		if err := p.keepZeros(b, row, n); err != nil {
			return err
		}
	}
	size := p.info.DType.Size()
	out := make([]byte, len(vals)*size)
	if err := codec.FromF32(out, vals, p.info.DType); err != nil {
		return err
	}
	return p.put(p.info.Name+"_scale", out, int64(row*groups*size))
}

// keepZeros holds zero points until all rows are there: rows of several blocks
// share the words that they are packed into.
func (p *packer) keepZeros(b []byte, row, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	groups := p.info.Quant.Groups(p.info.Shape[1])
	if p.zeros == nil {
		p.zeros = make([]int8, p.info.Shape[0]*groups)
	}
	for i := range n {
		r := codec.RecordAt(b, i, p.info.Shape[1], *p.info.Quant)
		for g := range groups {
			p.zeros[(row+i)*groups+g] = r.Zero(g)
		}
	}
	if p.seen += n; p.seen < p.info.Shape[0] {
		return nil
	}
	whole := packZeros(p.zeros, p.info.Shape[0], groups, p.info.Quant.Bits)
	p.zeros = nil
	return p.put(p.info.Name+"_zero_point", whole, 0)
}

// finish writes the shape.
func (p *packer) finish() error {
	if !packed(*p.info.Quant) {
		return nil
	}
	shape := binary.LittleEndian.AppendUint64(nil, uint64(p.info.Shape[0]))
	shape = binary.LittleEndian.AppendUint64(shape, uint64(p.info.Shape[1]))
	return p.put(p.info.Name+"_shape", shape, 0)
}

// packZeros packs zero points into int32 words, down the rows.
func packZeros(zeros []int8, rows, groups, bits int) []byte {
	per, offset := 32/bits, 1<<(bits-1)
	words := make([]uint32, (rows+per-1)/per*groups)
	for i := range rows {
		for g := range groups {
			words[i/per*groups+g] |= uint32(int(zeros[i*groups+g])+offset) << (bits * (i % per))
		}
	}
	var out []byte
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

func (p *packer) put(name string, b []byte, off int64) error {
	w, err := p.c.w.Writer(name)
	if err != nil {
		return err
	}
	_, err = w.WriteAt(b, off)
	return err
}

// QuantizationConfig is what config.json must say under quantization_config so
// that transformers and vLLM load the tensors. All quantized tensors of one
// model share a scheme; others are listed as ignored.
func QuantizationConfig(infos []tensor.Info, linear func(tensor.Info) bool) (map[string]any, error) {
	var scheme *tensor.Quant
	ignore := []string{}
	for _, info := range infos {
		switch {
		case info.Quant == nil && linear(info):
			ignore = append(ignore, strings.TrimSuffix(info.Name, ".weight"))
		case info.Quant == nil:
		case scheme == nil:
			scheme = info.Quant
		case *scheme != *info.Quant:
			return nil, fmt.Errorf("tensor %s is %s and others are %s: one compressed-tensors output holds one scheme; quantize with one set of parameters", info.Name, info.Quant, scheme)
		}
	}
	if scheme == nil {
		return nil, nil
	}
	weights := map[string]any{"num_bits": scheme.Bits, "type": "int", "symmetric": scheme.Symmetric, "strategy": "channel",
		"group_size": nil, "dynamic": false, "observer": "minmax", "block_structure": nil, "actorder": nil}
	if scheme.GroupSize > 0 {
		weights["strategy"], weights["group_size"] = "group", scheme.GroupSize
	}
	format, activations := "pack-quantized", any(nil)
	if scheme.Activations {
		format = "int-quantized"
		activations = map[string]any{"num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true}
	}
	return map[string]any{"quant_method": "compressed-tensors", "format": format, "quantization_status": "compressed",
		"global_compression_ratio": nil, "kv_cache_scheme": nil, "ignore": ignore,
		"config_groups": map[string]any{"group_0": map[string]any{"targets": []string{"Linear"}, "weights": weights,
			"input_activations": activations, "output_activations": nil}}}, nil
}
