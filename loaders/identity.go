package loaders

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// smallFile is up to where a file's identity is the hash of its content.
// Larger ones would take longer to hash than to merge.
const smallFile = 64 << 20

// IsHex says whether the text is n lower-case hexadecimal digits, as hashes
// that name files are.
func IsHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// FileID names what a file holds: the sha256 that a Hugging Face blob is named
// by, which a small file has too, or for a large one its place, size and
// times of change on this machine.
func FileID(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	if base := filepath.Base(real); IsHex(base, 64) {
		return "sha256:" + base, nil
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	if info.Size() > smallFile {
		return fmt.Sprintf("stat:%s:%d:%d:%d:%s", fileNumber(info), info.Size(), info.ModTime().UnixNano(), changeTime(real), real), nil
	}
	return hashFile(real)
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
