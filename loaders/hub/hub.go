// Package hub finds models on the Hugging Face Hub and keeps them in the cache
// layout that all Hugging Face tools share, so that nothing is fetched twice.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rouxml/roux/loaders"
)

// Client talks to one Hub. The zero value of a field means its default.
type Client struct {
	Endpoint string // default https://huggingface.co
	Token    string
	CacheDir string // the folder that holds models--owner--name
	Offline  bool
	HTTP     *http.Client
	Progress func(file string, done, total int64)
	// Sleep waits between retries; tests replace it.
	Sleep func(context.Context, time.Duration) error
	// Retries is how often a request is tried again; 0 means 5.
	Retries int
}

// FromEnv reads the environment as huggingface_hub does: HF_ENDPOINT, HF_TOKEN
// or the token file, HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE.
func FromEnv(getenv func(string) string, home string) Client {
	hfHome := getenv("HF_HOME")
	if hfHome == "" {
		base := getenv("XDG_CACHE_HOME")
		if base == "" {
			base = filepath.Join(home, ".cache")
		}
		hfHome = filepath.Join(base, "huggingface")
	}
	c := Client{Endpoint: getenv("HF_ENDPOINT"), Token: getenv("HF_TOKEN"), CacheDir: getenv("HF_HUB_CACHE")}
	if c.CacheDir == "" {
		c.CacheDir = filepath.Join(hfHome, "hub")
	}
	if c.Token == "" {
		if text, err := os.ReadFile(filepath.Join(hfHome, "token")); err == nil {
			c.Token = strings.TrimSpace(string(text))
		}
	}
	switch strings.ToUpper(getenv("HF_HUB_OFFLINE")) {
	case "1", "ON", "YES", "TRUE":
		c.Offline = true
	}
	return c
}

// longestName is how many characters an owner or a name may have.
const longestName = 96

// IsID says whether the text has the form of a Hub id: "owner/name", or a
// legacy name without owner.
func IsID(s string) bool {
	owner, name, owned := strings.Cut(s, "/")
	return isPart(owner) && (!owned || isPart(name)) && !strings.Contains(s, "..") && !strings.Contains(s, "--")
}

// isPart is written out: a regular expression would be compiled at every start.
func isPart(s string) bool {
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= longestName && strings.Contains(alphanumeric, s[:1]) && strings.Trim(s, alphanumeric+"._-") == ""
}

// kind is what a repository of the Hub holds.
type kind struct {
	name   string // for messages
	folder string // in the cache, and in the API
	below  string // where its files are served
}

var (
	modelKind = kind{"model", "models", ""}
	dataKind  = kind{"data set", "datasets", "datasets/"}
)

// Snapshot makes sure that a revision's files are in the cache and returns the
// folder of the snapshot and its commit.
func (c Client) Snapshot(ctx context.Context, id, revision string) (dir, commit string, err error) {
	dir, commit, _, err = c.snapshot(ctx, modelKind, id, revision, func(names []string) ([]string, error) { return wanted(names), nil })
	return dir, commit, err
}

// snapshot fetches the files that want picks; it returns what it picked, or
// nothing when the network was not asked.
func (c Client) snapshot(ctx context.Context, k kind, id, revision string, want func([]string) ([]string, error)) (dir, commit string, names []string, err error) {
	if !IsID(id) {
		return "", "", nil, fmt.Errorf("%q is no Hub id", id)
	}
	if revision == "" {
		revision = "main"
	}
	if !validRevision(revision) {
		return "", "", nil, fmt.Errorf("%q is no revision", revision)
	}
	repo := filepath.Join(c.cacheDir(), k.folder+"--"+strings.ReplaceAll(id, "/", "--"))
	if c.Offline {
		dir, commit, err = c.local(k, repo, id, revision, "HF_HUB_OFFLINE is set")
		return dir, commit, nil, err
	}
	info, err := c.resolve(ctx, k, id, revision)
	if err != nil {
		var unreachable *unreachableError
		if errors.As(err, &unreachable) {
			if dir, commit, cached := c.local(k, repo, id, revision, err.Error()); cached == nil {
				return dir, commit, nil, nil
			}
		}
		return "", "", nil, fmt.Errorf("%s %s: %w", k.name, id, err)
	}
	if names, err = want(info.names()); err != nil {
		return "", "", nil, fmt.Errorf("%s %s: %w", k.name, id, err)
	}
	dir = filepath.Join(repo, "snapshots", info.SHA)
	for _, name := range names {
		if err := c.file(ctx, repo, k.below+id, info.SHA, name); err != nil {
			return "", "", nil, fmt.Errorf("%s %s, file %s: %w", k.name, id, name, err)
		}
	}
	if err := writeRef(repo, revision, info.SHA); err != nil {
		return "", "", nil, err
	}
	return dir, info.SHA, names, nil
}

func (c Client) cacheDir() string { return c.CacheDir }

// isCommit says whether the text is a commit's hash.
func isCommit(s string) bool { return loaders.IsHex(s, 40) }

// validRevision refuses what would leave the refs folder.
func validRevision(s string) bool {
	return s != "" && !strings.Contains(s, "..") && !strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "\\\x00?#% ")
}

// local finds a snapshot without the network.
func (c Client) local(k kind, repo, id, revision, why string) (dir, commit string, err error) {
	commit = revision
	if !isCommit(revision) {
		text, err := os.ReadFile(filepath.Join(repo, "refs", filepath.FromSlash(revision)))
		if err != nil {
			return "", "", fmt.Errorf("%s %s at %s is not in the cache %s, and %s", k.name, id, revision, c.CacheDir, why)
		}
		commit = strings.TrimSpace(string(text))
	}
	if !isCommit(commit) {
		return "", "", fmt.Errorf("%s %s: the cached reference %q is damaged", k.name, id, commit)
	}
	dir = filepath.Join(repo, "snapshots", commit)
	if _, err := os.Stat(dir); err != nil {
		return "", "", fmt.Errorf("%s %s at %s is not in the cache %s, and %s", k.name, id, revision, c.CacheDir, why)
	}
	return dir, commit, nil
}

// writeRef records which commit a branch or tag means.
func writeRef(repo, revision, commit string) error {
	if isCommit(revision) {
		return nil
	}
	ref := filepath.Join(repo, "refs", filepath.FromSlash(revision))
	if err := os.MkdirAll(filepath.Dir(ref), 0o755); err != nil {
		return err
	}
	return os.WriteFile(ref, []byte(commit), 0o644)
}

// modelInfo is the part of the Hub's answer that is used.
type modelInfo struct {
	SHA      string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
	} `json:"siblings"`
}

func (m modelInfo) names() []string {
	var names []string
	for _, s := range m.Siblings {
		names = append(names, s.Name)
	}
	return names
}

// maxAnswer and maxFiles bound what a server can make us hold.
const (
	maxAnswer = 64 << 20
	maxFiles  = 100_000
)

func parseInfo(text []byte) (modelInfo, error) {
	var m modelInfo
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("the Hub's answer is no model: %w", err)
	}
	if !isCommit(m.SHA) || len(m.Siblings) > maxFiles {
		return m, fmt.Errorf("the Hub's answer is no model: commit %q, %d files", m.SHA, len(m.Siblings))
	}
	for _, name := range m.names() {
		if !safeName(name) {
			return m, fmt.Errorf("the Hub lists a file named %q, which would lie outside of the model", name)
		}
	}
	return m, nil
}

// safeName refuses names that would leave the snapshot.
func safeName(name string) bool {
	if name == "" || strings.ContainsAny(name, "\\\x00:") || path.IsAbs(name) || path.Clean(name) != name {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." || part == "." || part == "" {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < 32 })
}

func (c Client) resolve(ctx context.Context, k kind, id, revision string) (modelInfo, error) {
	var text []byte
	err := c.retry(ctx, func() error {
		resp, err := c.get(ctx, "/api/"+k.folder+"/"+id+"/revision/"+url.PathEscape(revision), nil)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return &unreachableError{err}
		}
		return nil
	})
	if err != nil {
		return modelInfo{}, err
	}
	return parseInfo(text)
}

// carried are the endings of files that belong to a model beside its weights.
var carried = []string{".json", ".jinja", ".txt", ".model", ".py", ".tiktoken"}

// isWeights says whether a file holds a model's weights in safetensors.
func isWeights(name string) bool {
	return strings.HasSuffix(name, ".safetensors") && (strings.HasPrefix(name, "model") || strings.HasPrefix(name, "adapter_model"))
}

// wanted picks config, tokenizer and weights on the top level, and code; of two forms of
// the same weights only one is fetched, and PyTorch's if there is no other.
func wanted(names []string) []string {
	var out []string
	pytorch := !slices.ContainsFunc(names, isWeights)
	for _, name := range names {
		ends := func(end string) bool { return strings.HasSuffix(name, end) }
		switch {
		case strings.Contains(name, "/"): // code that auto_map may name
			if ends(".py") {
				out = append(out, name)
			}
		case isWeights(name):
			out = append(out, name)
		case pytorch && (strings.HasPrefix(name, "pytorch_model") && (ends(".bin") || ends(".bin.index.json")) || name == "adapter_model.bin"):
			out = append(out, name)
		case slices.ContainsFunc(carried, ends) && !strings.HasPrefix(name, "pytorch_model"):
			out = append(out, name)
		}
	}
	return out
}
