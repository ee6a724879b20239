package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// tinyHub serves a folder as the Hub serves the model me/tiny.
func tinyHub(t *testing.T, dir string) *httptest.Server { return serveHub(t, dir, "models", "") }

// serveHub serves a folder as me/tiny of a kind, whose files lie below a prefix.
func serveHub(t *testing.T, dir, kind, prefix string) *httptest.Server {
	const commit = "0123456789012345678901234567890123456789"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []map[string]string
	for _, e := range entries {
		files = append(files, map[string]string{"rfilename": e.Name()})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Repo-Commit", commit)
		if r.URL.Path == "/api/"+kind+"/me/tiny/revision/main" {
			_ = json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": files})
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/"+prefix+"me/tiny/resolve/"+commit+"/")
		text, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
		if !ok || err != nil {
			http.NotFound(w, r)
			return
		}
		sum := sha256.Sum256(text)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestRunFromHub: a recipe over a Hub id fetches it with progress, and the
// second run needs no Hub.
func TestRunFromHub(t *testing.T) {
	dir := bench(t, map[string]string{"r.yaml": strings.Replace(copyRecipe, "testdata/models/base", "me/tiny", 1)})
	s := tinyHub(t, filepath.Join(dir, "testdata/models/base"))
	t.Setenv("HF_ENDPOINT", s.URL)
	t.Setenv("HF_HOME", filepath.Join(dir, "hf"))
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_HUB_OFFLINE", "")
	code, stdout, stderr := roux("run", "r.yaml", "--json")
	if code != 0 || !strings.Contains(stdout, `{"event":"Fetching","data":{"file":"model.safetensors","done":4989432,"total":4989432}}`) {
		t.Errorf("exit %d: no progress of the download\n%.2000s%s", code, stdout, stderr)
	}
	want := tree(t, "small")
	s.Close()
	t.Setenv("HF_HUB_OFFLINE", "1")
	if code, _, stderr := roux("run", "r.yaml", "--out", "small/y"); code != 0 {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	card, err := os.ReadFile("small/x/README.md")
	if err != nil || !strings.Contains(string(card), "base_model:\n- me/tiny\n") {
		t.Errorf("the card does not name the model it is made of: %v\n%s", err, card)
	}
	if !strings.Contains(want, "x/model.safetensors") {
		t.Errorf("no weights were written:\n%s", want)
	}
}

// TestDataFromHub: data that is a Hub id is fetched once, as the pattern says;
// without a pattern one of many files is not chosen in silence.
func TestDataFromHub(t *testing.T) {
	recipe := "roux: 1\nmodels: {m: testdata/models/base}\ndata: {d: {text: me/tiny, files: \"sh*.txt\", length: 64, samples: 2}}\nsteps: {a: {op: evaluate.perplexity, models: [m], data: d}}\n"
	dir := bench(t, map[string]string{"r.yaml": recipe, "any.yaml": strings.Replace(recipe, "files: \"sh*.txt\", ", "", 1), "none.yaml": strings.Replace(recipe, "sh*", "x*", 1)})
	s := serveHub(t, filepath.Join(dir, "testdata/data"), "datasets", "datasets/")
	t.Setenv("HF_ENDPOINT", s.URL)
	t.Setenv("HF_HOME", filepath.Join(dir, "hf"))
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_HUB_OFFLINE", "")
	want, _ := measured(t, "r.yaml", "--cache", "one")
	for name, says := range map[string]string{"any.yaml": "any.yaml:3:11: data d: me/tiny is no file on this machine, and as a Hub data set: data set me/tiny: it has ", "none.yaml": "no file matches: it has "} {
		if code, _, stderr := roux("run", name); code != exitRecipe || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d, %q lacks %q", name, code, stderr, says)
		}
	}
	s.Close()
	t.Setenv("HF_HUB_OFFLINE", "1")
	got, _ := measured(t, "r.yaml", "--cache", "two")
	if got["a"].Values["m"]["nll"] != want["a"].Values["m"]["nll"] || got["a"].Values["m"]["windows"] != 2 {
		t.Errorf("%v and, from the Hub's cache, %v", want, got)
	}
	if _, err := os.Stat(filepath.Join(dir, "hf/hub/datasets--me--tiny/refs/main")); err != nil {
		t.Error(err)
	}
}

// TestTaskFromHub: a task of the Hub reads no files of this machine.
func TestTaskFromHub(t *testing.T) {
	recipe := "roux: 1\nmodels: {m: testdata/models/base}\ndata: {d: {task: me/tiny, files: FILE}}\nsteps: {a: {op: evaluate.choice, models: [m], data: d}}\n"
	dir := bench(t, map[string]string{"served/include.yaml": "include: ../../../../secret.yaml\n", "secret.yaml": "task: s\n", "secret.jsonl": "{}\n"})
	put(t, "served/outside.yaml", []byte("dataset_path: json\ndataset_kwargs: {data_files: {test: "+filepath.Join(dir, "secret.jsonl")+"}}\ntest_split: test\ndoc_to_text: a\ndoc_to_target: b\n"))
	s := serveHub(t, filepath.Join(dir, "served"), "datasets", "datasets/")
	t.Setenv("HF_ENDPOINT", s.URL)
	t.Setenv("HF_HOME", filepath.Join(dir, "hf"))
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_HUB_OFFLINE", "")
	for name, says := range map[string]string{"include.yaml": "a task file of the Hub includes no others", "outside.yaml": "lies outside of the folder of this task, which came from the Hub"} {
		put(t, "r.yaml", []byte(strings.Replace(recipe, "FILE", name, 1)))
		if code, _, stderr := roux("run", "r.yaml"); code != exitRecipe || !strings.Contains(stderr, says) || !strings.Contains(stderr, "r.yaml:3:11: data d: ") {
			t.Errorf("%s: exit %d, %q lacks %q", name, code, stderr, says)
		}
	}
}
