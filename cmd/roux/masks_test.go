package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
)

// drawing is the methods that draw masks, and what they need beside a density.
var drawing = []string{"dare_linear", "dare_ties", "della", "della_linear"}

// merged runs a method with one density in layer 0 and 0.5 in all others.
func merged(t *testing.T, method, first string, workers int) string {
	t.Helper()
	recipe := fmt.Sprintf("roux: 1\nseed: 3\nmodels: {a: testdata/models/base, b: testdata/models/sums, c: testdata/models/lists}\nsteps:\n"+
		"  m: {op: merge.%s, base: a, models: [b, c], density: [{where: layer == 0, value: %s}, {value: 0.5}]}\noutputs: {x: {from: m, path: x}}\n", method, first)
	put(t, "r.yaml", []byte(recipe))
	out := fmt.Sprintf("out-%s-%s-%d", method, first, workers)
	if code, _, stderr := roux("run", "r.yaml", "--out", out, "--cache", out+".cache", "--workers", fmt.Sprint(workers)); code != exitDone {
		t.Fatalf("%s: exit %d\n%s", method, code, stderr)
	}
	return filepath.Join(out, "model.safetensors")
}

// TestMasks: masks are the same for any number of workers, and a parameter of
// another layer changes nothing in this one, with rescaling on.
func TestMasks(t *testing.T) {
	bench(t, nil)
	for _, method := range drawing {
		one := merged(t, method, "0.4", 1)
		for _, workers := range []int{3, 8} {
			if !bytes.Equal(fileBytes(t, one), fileBytes(t, merged(t, method, "0.4", workers))) {
				t.Errorf("%s: %d workers give other bytes than one", method, workers)
			}
		}
		other := merged(t, method, "0.6", 1)
		changed := 0
		f, err := safetensors.Open(one)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range f.Infos() {
			same := bytes.Equal(tensorBytes(t, one, info.Name), tensorBytes(t, other, info.Name))
			if first := strings.HasPrefix(info.Name, "model.layers.0."); !same && !first {
				t.Errorf("%s: the density of layer 0 changes %s", method, info.Name)
			} else if !same {
				changed++
			}
		}
		if err := f.Close(); err != nil || changed == 0 {
			t.Errorf("%s: the density of layer 0 changes nothing in it, %v", method, err)
		}
	}
}

func fileBytes(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tensorBytes(t *testing.T, path, name string) []byte {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("%s has no %s", path, name)
	}
	b := make([]byte, x.Info().Bytes())
	if n, err := x.ReadAt(b, 0); n < len(b) {
		t.Fatal(err)
	}
	return b
}

// TestHeldMasks: rows that find the masks of their tensor held have the bytes of
// rows that another step pulls, which draws them again.
func TestHeldMasks(t *testing.T) {
	bench(t, nil)
	for _, method := range drawing {
		put(t, "r.yaml", fmt.Appendf(nil, "roux: 1\nmodels: {a: testdata/models/base, b: testdata/models/sums, c: testdata/models/lists}\nsteps:\n"+
			"  m: {op: merge.%s, base: a, models: [b, c], density: 0.4}\n  s: {op: edit.scale, model: m, scale: 1}\n"+
			"outputs: {x: {from: m, path: held}, y: {from: s, path: again}}\n", method))
		if code, _, stderr := roux("run", "r.yaml", "--force"); code != exitDone {
			t.Fatalf("%s: exit %d\n%s", method, code, stderr)
		}
		if !bytes.Equal(fileBytes(t, "held/model.safetensors"), fileBytes(t, "again/model.safetensors")) {
			t.Errorf("%s: held masks give other bytes than drawn ones", method)
		}
	}
}
