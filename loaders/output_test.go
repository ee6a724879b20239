package loaders

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// write fills an output of so many bytes by pieces of random sizes, in random
// order, from memory at random offsets, four at a time.
func write(t *testing.T, o *Output, want []byte, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var cuts []int
	for at := 0; at < len(want); {
		cuts = append(cuts, at)
		at += 1 + r.IntN([]int{10, 5000, 300_000}[r.IntN(3)])
	}
	cuts = append(cuts, len(want))
	var wg sync.WaitGroup
	turns := make(chan struct{}, 4)
	for _, i := range r.Perm(len(cuts) - 1) {
		b := append(make([]byte, r.IntN(600)), want[cuts[i]:cuts[i+1]]...)
		b = b[len(b)-(cuts[i+1]-cuts[i]):]
		turns <- struct{}{}
		wg.Go(func() {
			if n, err := o.WriteAt(b, int64(cuts[i])); err != nil || n != len(b) {
				t.Errorf("wrote %d of %d bytes: %v", n, len(b), err)
			}
			<-turns
		})
	}
	wg.Wait()
}

// TestOutput: what is written is what the file holds, past the page cache or
// not, and when the file system changes its mind.
func TestOutput(t *testing.T) {
	for name, change := range map[string]func(*Output){
		"as the file system is": func(*Output) {},
		"buffered": func(o *Output) {
			if o.direct != nil {
				_ = o.direct.Close()
				o.direct = nil
				o.early.start(o.f)
			}
		},
		"refused": func(o *Output) { o.align = align{place: 1, memory: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				want := make([]byte, 5_000_000+int(seed)*511)
				for i := range want {
					want[i] = byte(rand.Uint32())
				}
				o, err := CreateOutput(filepath.Join(t.TempDir(), "out"))
				if err != nil {
					t.Fatal(err)
				}
				change(o)
				if err := o.Reserve(int64(len(want))); err != nil {
					t.Fatal(err)
				}
				write(t, o, want, seed)
				if err := o.Sync(); err != nil {
					t.Error(err)
				}
				if err := o.Close(); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(o.Name()); err != nil || !bytes.Equal(got, want) {
					t.Errorf("the file holds other bytes (%v)", err)
				}
			}
		})
	}
}

// TestOutputIsNew: nothing that exists is written over.
func TestOutputIsNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateOutput(path); !os.IsExist(err) {
		t.Errorf("got %v, want that it exists", err)
	}
}

// TestAlign: no page is written both ways, and what pieces are too small for is
// left to the page cache.
func TestAlign(t *testing.T) {
	for _, c := range []struct {
		place, memory, block, page int64
		want                       align
	}{
		{512, 512, 4096, 4096, align{4096, 512}},
		{4096, 4, 4096, 16384, align{16384, 4}},
		{512, 512, 128 << 10, 4096, align{}},
		{0, 0, 4096, 4096, align{}},
		{512, 0, 4096, 4096, align{}},
		{512, 512, 3 * 4096, 4096, align{}},
	} {
		got, ok := alignOf(c.place, c.memory, c.block, c.page)
		if ok != (c.want != align{}) || ok && got != c.want {
			t.Errorf("%+v: %v %t", c, got, ok)
		}
	}
}
