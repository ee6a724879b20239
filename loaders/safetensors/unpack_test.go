package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// held is a tensor in memory.
type held struct {
	info tensor.Info
	*bytes.Reader
}

func (h held) Info() tensor.Info { return h.info }

// parts is a Source of tensors in memory.
type parts []held

func (p parts) Infos() (infos []tensor.Info) {
	for _, h := range p {
		infos = append(infos, h.info)
	}
	return infos
}

func (p parts) Tensor(name string) (tensor.Tensor, bool) {
	for _, h := range p {
		if h.info.Name == name {
			return h, true
		}
	}
	return nil, false
}

// FuzzUnpack: whatever shape a file claims for its codes, it is refused or
// every byte of the records can be read.
func FuzzUnpack(f *testing.F) {
	f.Add(uint64(3), uint64(64), byte(4), true, byte(32), uint16(3), uint16(8))
	f.Add(uint64(1<<31-1), uint64(1<<31-1), byte(8), false, byte(0), uint16(1), uint16(1))
	f.Fuzz(func(t *testing.T, rows, cols uint64, bits byte, symmetric bool, group byte, codeRows, codeCols uint16) {
		if bits != 4 && bits != 8 || int(codeRows)*int(codeCols) > 1<<16 {
			return
		}
		q := tensor.Quant{Bits: int(bits), Symmetric: symmetric, GroupSize: int(group)}
		make := func(name string, d tensor.DType, shape ...int) held {
			info := tensor.Info{Name: name, DType: d, Shape: shape}
			return held{info, bytes.NewReader(bytes.Repeat([]byte{7}, int(info.Bytes())))}
		}
		shape := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, rows), cols)
		groups, per := q.Groups(int(cols%(1<<20))), 32/int(bits)
		if groups > 1<<12 {
			return
		}
		src := parts{make("a.weight_packed", tensor.I32, int(codeRows), int(codeCols)), make("a.weight_scale", tensor.BF16, int(codeRows), groups),
			{tensor.Info{Name: "a.weight_shape", DType: tensor.I64, Shape: tensor.Shape{2}}, bytes.NewReader(shape)},
			make("a.weight_zero_point", tensor.I32, (int(codeRows)+per-1)/per, groups)}
		u, err := Unpack(src, q)
		if err != nil {
			return
		}
		x, _ := u.Tensor("a.weight")
		b := bytes.Repeat([]byte{0}, int(x.Info().Bytes())+1)
		if n, err := x.ReadAt(b, 0); n != len(b)-1 || !errors.Is(err, io.EOF) {
			t.Errorf("read %d of %d: %v", n, len(b)-1, err)
		}
	})
}

// TestUnpackRefuses what does not fit together, by the name of the tensor.
func TestUnpackRefuses(t *testing.T) {
	q := tensor.Quant{Bits: 4, Symmetric: true, GroupSize: 32}
	empty := bytes.NewReader(make([]byte, 16))
	src := parts{{tensor.Info{Name: "a.weight_packed", DType: tensor.I32, Shape: tensor.Shape{2, 8}}, empty}, {tensor.Info{Name: "a.weight_scale", DType: tensor.BF16, Shape: tensor.Shape{2, 2}}, empty}}
	if _, err := Unpack(src, q); err == nil || err.Error() != "tensor a.weight_shape is missing or does not hold two numbers" {
		t.Errorf("got %v", err)
	}
	shape := bytes.NewReader(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 2), 128))
	src = append(src, held{tensor.Info{Name: "a.weight_shape", DType: tensor.I64, Shape: tensor.Shape{2}}, shape})
	if _, err := Unpack(src, q); err == nil || err.Error() != "tensor a.weight_packed does not fit int4 symmetric group 32 of shape [2, 128]: want I32 [2, 16]" {
		t.Errorf("got %v", err)
	}
}
