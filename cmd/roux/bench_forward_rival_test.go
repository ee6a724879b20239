package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// seconds is how long f takes: on the clock, or of processors (ROUX_BENCH_CPU=1).
func seconds(f func()) float64 {
	if os.Getenv("ROUX_BENCH_CPU") != "" {
		before := processor()
		f()
		return (processor() - before).Seconds()
	}
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}

// rival is .ci/bench_forward.py.
type rival struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startRival(b *testing.B) *rival {
	cmd := exec.Command("python3", "../../.ci/bench_forward.py", strconv.Itoa(cpu.Cores()))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		return &rival{}
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &rival{in, bufio.NewReader(out)}
}

// ask returns the answer, which begins with skip where there is none.
func (r *rival) ask(words ...string) string {
	if r.in == nil {
		return "skip: python3 is not installed"
	}
	_, _ = fmt.Fprintln(r.in, strings.Join(words, "\t")) // a process that is gone answers nothing
	line, err := r.out.ReadString('\n')
	if err != nil {
		return "skip: .ci/bench_forward.py ended"
	}
	return strings.TrimSpace(line)
}

// measure returns seconds, or why there are none.
func (r *rival) measure(kind, model string, length, count int) (float64, string) {
	answer := r.ask(kind, model, strconv.Itoa(length), strconv.Itoa(count))
	var wall, cpu float64
	if _, err := fmt.Sscan(answer, &wall, &cpu); err != nil {
		return math.Inf(1), answer
	}
	if os.Getenv("ROUX_BENCH_CPU") != "" {
		return cpu, ""
	}
	return wall, ""
}
