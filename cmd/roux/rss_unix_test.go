//go:build (linux || darwin) && (amd64 || arm64)

package main

import (
	"os"
	"syscall"
)

// maxRSS is the largest resident set of an ended process, in bytes.
func maxRSS(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss * 1024
	}
	return 0
}
