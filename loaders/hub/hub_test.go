package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const commit = "0123456789012345678901234567890123456789"

// fakeHub answers as the Hub does, with storage on a second host.
type fakeHub struct {
	t            *testing.T
	hub, storage *httptest.Server
	weights      []byte
	mu           sync.Mutex
	cut, busy    int // how many answers to cut half way, or to refuse with 429
	ranges       []string
	sent         int
	corrupt      bool
	listing      string
}

func start(t *testing.T) *fakeHub {
	f := &fakeHub{t: t, weights: []byte(strings.Repeat("weights ", 4096)), listing: `"config.json","model.safetensors","pytorch_model.bin","onnx/model.onnx"`}
	f.storage = httptest.NewServer(http.HandlerFunc(f.serveStorage))
	f.hub = httptest.NewServer(http.HandlerFunc(f.serveHub))
	t.Cleanup(f.storage.Close)
	t.Cleanup(f.hub.Close)
	return f
}

func (f *fakeHub) client(dir string) Client {
	return Client{Endpoint: f.hub.URL, Token: "secret", CacheDir: dir, Sleep: func(context.Context, time.Duration) error { return nil }}
}

// total is how many bytes storage has sent.
func (f *fakeHub) total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

const config = `{"model_type":"llama"}`

func (f *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if f.busy > 0 {
		f.busy--
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	switch r.URL.Path {
	case "/api/models/me/tiny/revision/main":
		names := strings.Split(f.listing, ",")
		for i, n := range names {
			names[i] = `{"rfilename":` + n + `}`
		}
		_, _ = fmt.Fprintf(w, `{"sha":%q,"siblings":[%s]}`, commit, strings.Join(names, ","))
	case "/me/tiny/resolve/" + commit + "/config.json":
		sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(config), config)))
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		_, _ = w.Write([]byte(config))
	case "/me/tiny/resolve/" + commit + "/model.safetensors":
		sum := sha256.Sum256(f.weights)
		w.Header().Set("X-Linked-Etag", `"`+hex.EncodeToString(sum[:])+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(f.weights)))
		http.Redirect(w, r, strings.Replace(f.storage.URL, "127.0.0.1", "localhost", 1)+"/blob", http.StatusFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (f *fakeHub) serveStorage(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		f.t.Error("the token went to another host")
	}
	body, from := f.weights, 0
	if f.corrupt {
		body = []byte(strings.Repeat("nonsense", 4096))
	}
	if s := r.Header.Get("Range"); s != "" {
		f.ranges = append(f.ranges, s)
		_, _ = fmt.Sscanf(s, "bytes=%d-", &from)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	part := body[from:]
	if f.cut > 0 {
		f.cut--
		part = part[:len(part)/2]
	}
	n, _ := w.Write(part)
	f.sent += n
}

// TestSnapshot: config and weights arrive in the shared layout, other forms of
// the weights stay, and nothing is fetched twice.
func TestSnapshot(t *testing.T) {
	f, dir := start(t), t.TempDir()
	got, sha, err := f.client(dir).Snapshot(context.Background(), "me/tiny", "")
	if err != nil || sha != commit {
		t.Fatal(sha, err)
	}
	if want := filepath.Join(dir, "models--me--tiny", "snapshots", commit); got != want {
		t.Errorf("dir %s", got)
	}
	for name, want := range map[string]string{"config.json": config, "model.safetensors": string(f.weights)} {
		text, err := os.ReadFile(filepath.Join(got, name))
		if err != nil || string(text) != want {
			t.Errorf("%s: %v", name, err)
		}
		if link, err := os.Readlink(filepath.Join(got, name)); err != nil || !strings.HasPrefix(link, "../../blobs/") {
			t.Errorf("%s links to %q: %v", name, link, err)
		}
	}
	if files, _ := os.ReadDir(got); len(files) != 2 {
		t.Errorf("files: %v", files)
	}
	if ref, _ := os.ReadFile(filepath.Join(dir, "models--me--tiny", "refs", "main")); string(ref) != commit {
		t.Errorf("ref %q", ref)
	}
	sent := f.total()
	if _, _, err := f.client(dir).Snapshot(context.Background(), "me/tiny", "main"); err != nil || f.total() != sent {
		t.Errorf("sent %d more: %v", f.total()-sent, err)
	}
	offline := Client{CacheDir: dir, Offline: true}
	if again, _, err := offline.Snapshot(context.Background(), "me/tiny", ""); err != nil || again != got {
		t.Errorf("offline: %s %v", again, err)
	}
	if _, _, err := offline.Snapshot(context.Background(), "me/other", ""); err == nil || !strings.Contains(err.Error(), "HF_HUB_OFFLINE is set") {
		t.Errorf("offline: %v", err)
	}
	f.hub.Close()
	gone := f.client(dir)
	gone.Retries = 1
	if again, _, err := gone.Snapshot(context.Background(), "me/tiny", ""); err != nil || again != got {
		t.Errorf("without network: %s %v", again, err)
	}
}

// TestResume: a connection that is cut goes on where it stopped.
func TestResume(t *testing.T) {
	f, dir := start(t), t.TempDir()
	f.cut, f.busy = 2, 2
	got, _, err := f.client(dir).Snapshot(context.Background(), "me/tiny", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(got, "model.safetensors"))
	if err != nil || string(text) != string(f.weights) {
		t.Errorf("weights: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ranges) != 2 || f.sent != len(f.weights) {
		t.Errorf("ranges %v, sent %d of %d", f.ranges, f.sent, len(f.weights))
	}
}

// TestErrors: each failure says what to do and leaves no blob.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, id, want string
		spoil          func(*fakeHub, *Client)
	}{
		{"401", "me/tiny", "set HF_TOKEN", func(_ *fakeHub, c *Client) { c.Token = "" }},
		{"404", "me/none", "check the spelling", func(*fakeHub, *Client) {}},
		{"429 for ever", "me/tiny", "429", func(f *fakeHub, _ *Client) { f.busy = 99 }},
		{"corrupt", "me/tiny", "run again to fetch it anew", func(f *fakeHub, _ *Client) { f.corrupt = true }},
		{"path out", "me/tiny", "outside of the model", func(f *fakeHub, _ *Client) { f.listing = `"../../x.json"` }},
		{"no id", "../etc", "is no Hub id", func(*fakeHub, *Client) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, dir := start(t), t.TempDir()
			client := f.client(dir)
			c.spoil(f, &client)
			_, _, err := client.Snapshot(context.Background(), c.id, "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if blobs, _ := filepath.Glob(filepath.Join(dir, "*", "blobs", strings.Repeat("?", 64))); len(blobs) > 0 {
				t.Errorf("left %v", blobs)
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	env := map[string]string{"HF_HOME": "/h", "HF_TOKEN": "t", "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://e"}
	c := FromEnv(func(k string) string { return env[k] }, "/home")
	if c.CacheDir != filepath.Join("/h", "hub") || c.Token != "t" || !c.Offline || c.Endpoint != "http://e" {
		t.Errorf("%+v", c)
	}
	c = FromEnv(func(string) string { return "" }, "/home")
	if c.CacheDir != filepath.Join("/home", ".cache", "huggingface", "hub") || c.Offline {
		t.Errorf("%+v", c)
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte(`{"sha":"` + commit + `","siblings":[{"rfilename":"config.json"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseInfo(text)
		for _, name := range m.names() {
			if err == nil && (filepath.IsAbs(name) || strings.Contains("/"+name+"/", "/../")) {
				t.Errorf("%q got through", name)
			}
		}
	})
}

// TestNoNetwork: a host that has no address is not waited for.
func TestNoNetwork(t *testing.T) {
	c := Client{Endpoint: "http://nowhere.invalid", CacheDir: t.TempDir(), Sleep: func(context.Context, time.Duration) error {
		t.Error("it waits for a host that does not exist")
		return nil
	}}
	if _, _, err := c.Snapshot(context.Background(), "me/tiny", ""); err == nil || !strings.Contains(err.Error(), "without a network") {
		t.Errorf("got %v", err)
	}
}

// TestWanted: safetensors are fetched where there are any, and PyTorch's files
// where there are none; of other frameworks nothing is.
func TestWanted(t *testing.T) {
	pytorch := []string{"config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json", "training_args.bin", "tf_model.h5", "flax_model.msgpack"}
	if got := wanted(pytorch); !slices.Equal(got, pytorch[:3]) {
		t.Errorf("of PyTorch alone: %v", got)
	}
	if got := wanted(append(pytorch, "model.safetensors")); !slices.Equal(got, []string{"config.json", "model.safetensors"}) {
		t.Errorf("of both: %v", got)
	}
	if got := wanted([]string{"code/modeling.py", "code/x.json", "original/model.safetensors", "model.safetensors"}); !slices.Equal(got, []string{"code/modeling.py", "model.safetensors"}) {
		t.Errorf("of folders: %v", got)
	}
	adapter := []string{"adapter_config.json", "adapter_model.bin", "optimizer.bin"}
	if got := wanted(adapter); !slices.Equal(got, adapter[:2]) {
		t.Errorf("of an adapter: %v", got)
	}
	if got := wanted(append(adapter, "adapter_model.safetensors")); !slices.Equal(got, []string{"adapter_config.json", "adapter_model.safetensors"}) {
		t.Errorf("of an adapter in both: %v", got)
	}
}
