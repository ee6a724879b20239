package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// write makes a file of the model's headers, whose weights are a hole.
func (l llama) write(t *testing.T, dir string) (size int64) {
	t.Helper()
	put(t, filepath.Join(dir, "config.json"), l.config())
	head := map[string]any{}
	for _, info := range l.infos() {
		head[info.Name] = map[string]any{"dtype": "BF16", "shape": info.Shape, "data_offsets": []int64{size, size + info.Bytes()}}
		size += info.Bytes()
	}
	text, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors")
	put(t, path, append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...))
	if err := os.Truncate(path, 8+int64(len(text))+size); err != nil {
		t.Fatal(err)
	}
	return size
}

// planned is what a plan of a step takes: bytes that the step holds at once while
// it runs, and bytes that planning allocated in all.
type planned struct{ running, planning int64 }

func planOfStep(t *testing.T, step string) planned {
	t.Helper()
	put(t, "r.yaml", []byte("roux: 1\nmodels: {a: ./a, b: ./b, c: ./c}\nsteps: {m: "+step+"}\noutputs: {x: {from: m, path: out}}\n"))
	var before, after runtime.MemStats
	var stdout, stderr bytes.Buffer
	runtime.ReadMemStats(&before)
	code := Main([]string{"plan", "r.yaml", "--json", "--memory", "64MB", "--workers", "2"}, &stdout, &stderr)
	runtime.ReadMemStats(&after)
	if code != exitDone {
		t.Fatalf("%s: exit %d\n%s", step, code, stderr.String())
	}
	var said struct{ Steps []struct{ Memory int64 } }
	if err := json.Unmarshal(stdout.Bytes(), &said); err != nil || len(said.Steps) != 1 {
		t.Fatal(err, stdout.String())
	}
	return planned{said.Steps[0].Memory, int64(after.TotalAlloc - before.TotalAlloc)}
}

// TestPlan70B: merges of three models of 70 B parameters, 141 GB each, are planned
// within the least budget: what a step holds is blocks, as large as those of a
// model of 1.1 B, and planning allocates by tensor, of which there are 3.6 times
// as many, and not by weight, of which there is 64 times as much.
func TestPlan70B(t *testing.T) {
	plans := map[string][]planned{}
	steps := []string{
		"{op: merge.linear, models: [a, b, c]}",
		"{op: merge.ties, base: a, models: [b, c], density: 0.5}",
		"{op: merge.della, base: a, models: [b, c], density: 0.5}",
		"{op: merge.breadcrumbs, base: a, models: [b, c], density: 0.5}",
		"{op: merge.model_stock, base: a, models: [b, c]}",
		"{op: merge.karcher, models: [a, b, c]}",
		"{op: merge.sce, base: a, models: [b, c], select_topk: 0.1}",
		"{op: merge.nuslerp, base: a, models: [b, c], nuslerp_flatten: false, nuslerp_row_wise: true}",
	}
	for _, shape := range []llama{llama1B, llama70B} {
		bench(t, nil)
		var size int64
		for _, name := range []string{"a", "b", "c"} {
			size = shape.write(t, name)
		}
		if shape == llama70B && size != 141107412992 {
			t.Errorf("the model has %d bytes", size)
		}
		planOfStep(t, steps[0]) // what is allocated once
		for _, step := range steps {
			plans[step] = append(plans[step], planOfStep(t, step))
		}
	}
	for step, p := range plans {
		small, large := p[0], p[1]
		t.Logf("%s: runs in %.1f and %.1f MB, planned in %.1f and %.1f MB", step, float64(small.running)/1e6, float64(large.running)/1e6, float64(small.planning)/1e6, float64(large.planning)/1e6)
		if large.running > 8<<20 || large.running > 2*small.running {
			t.Errorf("%s: holds %d bytes, %d of the small model", step, large.running, small.running)
		}
		if large.planning > 32<<20 || large.planning > 5*small.planning {
			t.Errorf("%s: planning takes %d bytes, %d for the small model", step, large.planning, small.planning)
		}
	}
}

// mergekitFiles are files of all methods of mergekit over models a, b and c.
func mergekitFiles() map[string]string {
	const weighed = "models: [{model: ./b, parameters: {weight: [0.2, 0.8]}}, {model: ./c, parameters: {weight: 0.5}}]\n"
	const plain, two = "models: [{model: ./b}, {model: ./c}]\n", "models: [{model: ./a}, {model: ./b}]\n"
	files := map[string]string{"passthrough": "models: [{model: ./b, parameters: {scale: 0.5}}]\n"}
	for _, name := range []string{"linear", "nuslerp", "multislerp"} {
		files[name] = weighed
	}
	for _, name := range []string{"karcher"} {
		files[name] = plain
	}
	for _, name := range []string{"model_stock", "sce", "ram", "ramplus_tl"} {
		files[name] = plain + "base_model: ./a\n"
	}
	files["sce"] += "parameters: {select_topk: 0.1}\n"
	for _, name := range []string{"task_arithmetic", "ties", "dare_ties", "dare_linear", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear"} {
		files[name] = weighed + "base_model: ./a\nparameters: {density: 0.5}\n"
	}
	for _, name := range []string{"slerp", "nearswap", "arcee_fusion"} {
		files[name] = two + "base_model: ./a\nparameters: {t: 0.3}\n"
	}
	return files
}

// TestMergekitPlan70B: each method's mergekit file over three models of 70 B
// parameters holds the very bytes at once that it holds over models of 7 B.
func TestMergekitPlan70B(t *testing.T) {
	files := mergekitFiles()
	if len(files) != 20 {
		t.Fatalf("%d methods", len(files))
	}
	held := map[string][]string{}
	for _, shape := range []llama{llama7B, llama70B} {
		bench(t, nil)
		for _, name := range []string{"a", "b", "c"} {
			shape.write(t, name)
		}
		for name, text := range files {
			put(t, "m.yml", []byte("merge_method: "+name+"\ndtype: bfloat16\n"+text))
			code, stdout, stderr := roux("plan", "m.yml", "--json", "--memory", "64MB", "--workers", "2")
			if code != exitDone {
				t.Fatalf("%s: exit %d\n%s", name, code, stderr)
			}
			var said struct {
				Steps []struct {
					Name   string
					Memory int64
				}
			}
			if err := json.Unmarshal([]byte(stdout), &said); err != nil || len(said.Steps) == 0 {
				t.Fatal(name, err, stdout)
			}
			held[name] = append(held[name], fmt.Sprint(said.Steps))
		}
	}
	for name, h := range held {
		if h[0] != h[1] {
			t.Errorf("%s holds %s over models of 7 B, and %s of 70 B", name, h[0], h[1])
		}
	}
}
