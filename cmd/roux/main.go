// Command roux runs declarative recipes over model weights.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

func main() {
	// The heap is a few megabytes beside the buffers, which are reused: with the
	// usual setting it would be collected every few milliseconds.
	debug.SetGCPercent(400)
	// One processor more than cores: a worker that comes back from reading or
	// writing then finds one at once.
	runtime.GOMAXPROCS(cpu.Cores() + 1)
	os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
}
