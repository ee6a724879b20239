package nn

import "github.com/rouxml/roux/tensor/kernel"

// norm is a normalisation with its gain.
type norm struct {
	gain, bias []float32 // bias: layer norm
	eps        float64
	layer      bool
}

func (v *norm) one(dst, x []float32) {
	if v.layer {
		kernel.LayerNorm(dst, x, v.gain, v.bias, v.eps)
		return
	}
	kernel.RMSNorm(dst, x, v.gain, v.eps)
}

// rows normalises n rows, ld apart in both, in place or elsewhere.
func (v *norm) rows(dst []float32, ldd int, x []float32, ldx, n, workers int) {
	cols := len(v.gain)
	split(workers, n, rowsEach(cols), func(from, to int) {
		for i := from; i < to; i++ {
			v.one(dst[i*ldd:i*ldd+cols], x[i*ldx:i*ldx+cols])
		}
	})
}

// norm reads a normalisation of the block's kind.
func (p *part) norm(a *Arch, name string, n int) *norm {
	if name == "" {
		return nil
	}
	v := &norm{eps: a.eps, layer: p.f.Norm.Kind == "layer"}
	v.gain = p.gain(name, n)
	if v.layer {
		v.bias = p.vector(name, ".bias", n)
	}
	return v
}

// gain reads the gain of a normalisation, its offset added.
func (p *part) gain(name string, n int) []float32 {
	g := p.vector(name, ".weight", n)
	if p.f.Norm.Offset == 0 || p.err != nil {
		return g
	}
	out := p.newFloats(n)
	for i, v := range g {
		out[i] = p.f.Norm.Offset + v
	}
	return out
}
