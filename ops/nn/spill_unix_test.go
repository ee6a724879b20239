//go:build linux || darwin || freebsd || netbsd || openbsd

package nn

import (
	"os"
	"path/filepath"
	"testing"
)

// TestZeroFill: where the file system reserves nothing, zeros take the room, to
// the last byte.
func TestZeroFill(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 5<<19 + 3
	if err := zeroFill(f, size); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("%v %v", info, err)
	}
}
