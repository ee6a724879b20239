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

// tinyHub serves testdata/models/base as the Hub serves me/tiny.
func tinyHub(t *testing.T, dir string) *httptest.Server {
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
		if r.URL.Path == "/api/models/me/tiny/revision/main" {
			_ = json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": files})
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/me/tiny/resolve/"+commit+"/")
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
