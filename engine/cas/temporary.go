package cas

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// temporary is a file that is not an entry yet. Its name tells the process and
// it stays locked, so that a sweep knows who left it.
type temporary struct {
	f    *os.File
	lock *flock.Flock
}

func (c *Cache) temporary() (*temporary, error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, "tmp"), fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return nil, err
	}
	t := &temporary{f: f, lock: flock.New(f.Name())}
	if _, err := t.lock.TryLock(); err != nil {
		t.discard()
		return nil, err
	}
	return t, os.Chmod(f.Name(), 0o644)
}

// discard closes the file and removes it, if it was not renamed.
func (t *temporary) discard() {
	_ = t.f.Close()
	_ = os.Remove(t.f.Name())
	_ = t.lock.Unlock()
}

// sweep removes the files of processes that are dead here and hold no lock;
// the lock covers machines and containers that share the cache.
func (c *Cache) sweep() {
	files, _ := os.ReadDir(filepath.Join(c.dir, "tmp")) // unreadable: nothing to sweep
	for _, f := range files {
		pid, _, _ := strings.Cut(f.Name(), "-")
		if n, err := strconv.Atoi(pid); err == nil && alive(n) {
			continue
		}
		path := filepath.Join(c.dir, "tmp", f.Name())
		lock := flock.New(path)
		if ok, err := lock.TryLock(); err == nil && ok {
			_ = os.Remove(path)
			_ = lock.Unlock()
		}
	}
}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}
