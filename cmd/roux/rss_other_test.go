//go:build !((linux || darwin) && (amd64 || arm64))

package main

import (
	"os"
	"time"
)

// maxRSS is unknown here.
func maxRSS(*os.ProcessState) int64 { return 0 }

// processor is unknown here.
func processor() time.Duration { return 0 }
