package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// unreachableError is a failure of the network, not of the request.
type unreachableError struct{ error }

// Unwrap returns the cause.
func (e *unreachableError) Unwrap() error { return e.error }

// busyError is an answer that asks to come back.
type busyError struct {
	status string
	after  time.Duration
}

// Error says what the server said.
func (e *busyError) Error() string { return "the Hub answers " + e.status + ": try again later" }

// retry runs fn again after failures that may pass, waiting longer each time
// or as long as the server asks.
func (c Client) retry(ctx context.Context, fn func() error) error {
	tries := c.Retries
	if tries == 0 {
		tries = 5
	}
	for i := 0; ; i++ {
		err := fn()
		var unreachable *unreachableError
		var busy *busyError
		var name *net.DNSError
		if errors.As(err, &name) && name.IsNotFound {
			return fmt.Errorf("%w (without a network nothing can be fetched: is a path misspelt?)", err)
		}
		if err == nil || i >= tries || ctx.Err() != nil || !errors.As(err, &unreachable) && !errors.As(err, &busy) {
			return err
		}
		wait := time.Duration(float64(time.Second) * float64(int(1)<<i) * (0.5 + rand.Float64()))
		if busy != nil && busy.after > 0 {
			wait = busy.after
		}
		if err := c.sleep(ctx, min(wait, time.Minute)); err != nil {
			return err
		}
	}
}

func (c Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c Client) endpoint() string {
	if c.Endpoint == "" {
		return "https://huggingface.co"
	}
	return strings.TrimRight(c.Endpoint, "/")
}

// get sends a request and turns bad answers into errors with a cure. The token
// goes to the Hub alone, never to the host that it redirects to: net/http
// drops the header when the host changes.
func (c Client) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint()+path, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "roux")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &unreachableError{err}
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, answer(resp)
}

func answer(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("the Hub answers %s: the model is private, gated or does not exist; set HF_TOKEN to a token that may read it, and accept its licence on the Hub", resp.Status)
	case code == http.StatusNotFound:
		return fmt.Errorf("the Hub answers %s: no such model, revision or file; check the spelling", resp.Status)
	case code == http.StatusTooManyRequests || code >= 500:
		after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			after = 0
		}
		return &busyError{resp.Status, time.Duration(after) * time.Second}
	}
	return fmt.Errorf("the Hub answers %s", resp.Status)
}

// meta is what the Hub says of a file before it sends it.
type meta struct {
	etag string
	size int64
}

// head asks for a file's etag and size. The redirect to storage is not
// followed: only the Hub's own answer carries them.
func (c Client) head(ctx context.Context, id, commit, name string) (meta, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.endpoint()+resolvePath(id, commit, name), nil)
	if err != nil {
		return meta{}, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if c.HTTP != nil {
		client.Transport, client.Timeout = c.HTTP.Transport, c.HTTP.Timeout
	}
	resp, err := client.Do(req)
	if err != nil {
		return meta{}, &unreachableError{err}
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 400 {
		return meta{}, answer(resp)
	}
	m := meta{etag: cleanTag(first(resp.Header, "X-Linked-Etag", "Etag")), size: -1}
	if n, err := strconv.ParseInt(first(resp.Header, "X-Linked-Size", "Content-Length"), 10, 64); err == nil {
		m.size = n
	}
	if !tagRule(m.etag) {
		return m, fmt.Errorf("the Hub sends no etag for it")
	}
	return m, nil
}

func first(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}

func cleanTag(s string) string { return strings.Trim(strings.TrimPrefix(s, "W/"), `"`) }

// tagRule: an etag names a blob, so it must be a plain file name.
func tagRule(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-'
	})
}

func resolvePath(id, commit, name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/" + id + "/resolve/" + commit + "/" + strings.Join(parts, "/")
}

// file makes sure that one file is in the snapshot: a link to its blob.
func (c Client) file(ctx context.Context, repo, id, commit, name string) error {
	link := filepath.Join(repo, "snapshots", commit, filepath.FromSlash(name))
	if _, err := os.Stat(link); err == nil {
		return nil
	}
	var m meta
	err := c.retry(ctx, func() (err error) { m, err = c.head(ctx, id, commit, name); return err })
	if err != nil {
		return err
	}
	blob := filepath.Join(repo, "blobs", m.etag)
	if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
		return err
	}
	lock := flock.New(blob + ".lock")
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return err
	}
	defer func() { _ = os.Remove(lock.Path()); _ = lock.Unlock() }()
	if _, err := os.Stat(blob); err != nil {
		if err := c.retry(ctx, func() error { return c.download(ctx, blob, resolvePath(id, commit, name), name, m) }); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	target, err := filepath.Rel(filepath.Dir(link), blob)
	if err != nil {
		return err
	}
	_ = os.Remove(link) // a link to a blob that is gone
	return os.Symlink(target, link)
}

// download fetches a blob, from where an earlier try stopped, and checks it.
func (c Client) download(ctx context.Context, blob, path, name string, m meta) error {
	part, err := os.OpenFile(blob+".incomplete", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = part.Close() }()
	at, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if m.size < 0 || at < m.size || at > m.size {
		if at > m.size && m.size >= 0 {
			at = 0
		}
		if err := c.receive(ctx, part, at, path, name, m); err != nil {
			return err
		}
	}
	if err := verify(part, m); err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	if err := part.Sync(); err != nil {
		return err
	}
	return os.Rename(part.Name(), blob)
}

func (c Client) receive(ctx context.Context, part *os.File, at int64, path, name string, m meta) error {
	header := http.Header{"Accept-Encoding": {"identity"}}
	if at > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", at))
	}
	resp, err := c.get(ctx, path, header)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusPartialContent {
		at = 0 // the server sends all of it
	}
	if err := part.Truncate(at); err != nil {
		return err
	}
	if _, err := part.Seek(at, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(part, &counter{resp.Body, c.Progress, name, at, m.size})
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: make room, or set HF_HOME to a folder on another disk", err)
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &unreachableError{err}
	case m.size >= 0 && at+n < m.size:
		return &unreachableError{net.ErrClosed}
	}
	return nil
}

// counter reports progress as bytes pass.
type counter struct {
	r     io.Reader
	tell  func(string, int64, int64)
	name  string
	done  int64
	total int64
}

// Read passes bytes on.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if c.tell != nil && n > 0 {
		c.tell(c.name, c.done, c.total)
	}
	return n, err
}

// verify checks a blob against its etag: a sha256 for large files, git's sha1
// for small ones.
func verify(f *os.File, m meta) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var h hash.Hash
	switch len(m.etag) {
	case 64:
		h = sha256.New()
	case 40:
		h = sha1.New()
		_, _ = fmt.Fprintf(h, "blob %d\x00", info.Size()) // a hash never fails
	default:
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != m.etag {
		return fmt.Errorf("what arrived has the checksum %s, not %s: it was removed; run again to fetch it anew", got[:12], m.etag[:12])
	}
	return nil
}
