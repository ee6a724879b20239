package engine

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// leastMemory is the smallest budget: what a Prepare may hold and blocks of
// wide rows beside it.
const leastMemory = 64_000_000

// leastWork is what must be left of a budget when all that lies beside the work
// is set aside: a Prepare and blocks of usual rows.
const leastWork = 48_000_000

// freeMemory returns the bytes that can be used without swapping; where the
// system does not say, 4 GB.
func freeMemory() int64 {
	const unknown = 4 << 30
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return unknown
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) >= 2 && fields[0] == "MemAvailable:" {
			if kb, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return unknown
}
