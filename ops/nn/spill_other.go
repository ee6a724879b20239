//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package nn

// Here hidden states stay in memory.

func mapFile(_ string, n int) ([]byte, error) { return make([]byte, n), nil }

func forget([]byte) {}

func unmapFile([]byte) error { return nil }
