// Command roux runs declarative recipes over model weights.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// The heap is a few megabytes beside the buffers, which are reused: with the
	// usual setting it would be collected every few milliseconds.
	debug.SetGCPercent(400)
	os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
}
