package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manyShards writes the headers of a model in sparse files: so many shards of
// a hundred tensors each, whose weights are holes.
func manyShards(tb testing.TB, dir string, shards int) {
	tb.Helper()
	config := fmt.Sprintf(`{"architectures":["LlamaForCausalLM"],"model_type":"llama","num_hidden_layers":%d,"vocab_size":1024,"torch_dtype":"bfloat16"}`, shards)
	put(tb, filepath.Join(dir, "config.json"), []byte(config))
	index := map[string]string{}
	for s := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", s+1, shards)
		head, size := shardHeader(s, name, index)
		path := filepath.Join(dir, name)
		put(tb, path, head)
		if err := os.Truncate(path, int64(len(head))+size); err != nil {
			tb.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"weight_map": index})
	if err != nil {
		tb.Fatal(err)
	}
	put(tb, filepath.Join(dir, "model.safetensors.index.json"), text)
}

// shardHeader is a layer's hundred matrices of 8 MB.
func shardHeader(layer int, file string, index map[string]string) (head []byte, size int64) {
	const tensorBytes = 8 << 20
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range 100 {
		name := fmt.Sprintf("model.layers.%d.block_sparse_moe.experts.%d.w%d.weight", layer, i/3, i%3+1)
		index[name] = file
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%q:{"dtype":"BF16","shape":[2048,2048],"data_offsets":[%d,%d]}`, name, size, size+tensorBytes)
		size += tensorBytes
	}
	b.WriteByte('}')
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...), size
}

func put(tb testing.TB, path string, b []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// twoModels writes two models of so many shards.
func twoModels(tb testing.TB, dir string, shards int) {
	tb.Helper()
	for _, name := range []string{"a", "b"} {
		manyShards(tb, filepath.Join(dir, name), shards)
	}
}

// planOf writes a recipe over the models that the steps name, whose last step
// is m, and returns a command line that plans it.
func planOf(tb testing.TB, dir, steps string) []string {
	tb.Helper()
	path := filepath.Join(dir, "recipe.yaml")
	models := fmt.Sprintf("a: %q", filepath.Join(dir, "a"))
	if strings.Contains(steps, "b]") {
		models += fmt.Sprintf(", b: %q", filepath.Join(dir, "b"))
	}
	put(tb, path, fmt.Appendf(nil, "roux: 1\nmodels: {%s}\nsteps: {%s}\noutputs: {x: {from: m, path: %s}}\n", models, steps, filepath.Join(dir, "out")))
	return []string{"plan", path, "--cache", filepath.Join(dir, "cache")}
}

// TestPlanManyShards: planning reads headers alone, however large the weights:
// two models of 20 shards with 33 GB of holes are planned like any other.
func TestPlanManyShards(t *testing.T) {
	dir := t.TempDir()
	twoModels(t, dir, 20)
	var stdout, stderr bytes.Buffer
	start := time.Now()
	if code := Main(planOf(t, dir, "m: {op: merge.linear, models: [{model: a, weight: [0.2, 0.8]}, b]}"), &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("planning took %v: it reads more than headers", d)
	}
	if !strings.Contains(stdout.String(), "2000") || !strings.Contains(stdout.String(), "17 GB") {
		t.Errorf("the plan does not tell 2000 tensors of 17 GB:\n%s", stdout.String())
	}
}

// BenchmarkPlan100k plans steps over one model of 1,000 shards and 100,000
// tensors, and over two, from headers that lie in the file system's cache; the
// aim is two seconds for one. A threshold over the whole model has keys that
// cover all tensors.
func BenchmarkPlan100k(b *testing.B) {
	dir := b.TempDir()
	twoModels(b, dir, 1000)
	for _, c := range []struct{ name, steps string }{
		{"one model", "m: {op: prune.magnitude, model: a, sparsity: 0.5, scope: model}"},
		{"linear", "m: {op: merge.linear, models: [{model: a, weight: [0.2, 0.8]}, b]}"},
		{"ties", "m: {op: merge.ties, base: a, models: [b], density: 0.5}"},
		{"magnitude", "l: {op: merge.linear, models: [a, b]}, m: {op: prune.magnitude, sparsity: 0.5, scope: model}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			args := planOf(b, dir, c.steps)
			for b.Loop() {
				var stdout, stderr bytes.Buffer
				if code := Main(args, &stdout, &stderr); code != 0 {
					b.Fatalf("exit %d\n%s", code, stderr.String())
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/plan")
			b.ReportMetric(0, "ns/op")
		})
	}
}
