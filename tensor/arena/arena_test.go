package arena

import (
	"math"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestSizeClasses(t *testing.T) {
	for _, c := range [][2]int{
		{1, 64 << 10}, {64 << 10, 64 << 10}, {64<<10 + 1, 80 << 10}, {100 << 10, 112 << 10}, {256 << 10, 256 << 10},
		{1 << 20, 1 << 20}, {2 << 20, 2 << 20}, {2<<20 + 1, 4 << 20}, {9 << 20, 10 << 20}, {33 << 20, 40 << 20},
	} {
		if got := sizeClass(c[0]); got != c[1] {
			t.Errorf("a request of %d bytes gets %d, want %d", c[0], got, c[1])
		}
	}
	last := 0
	for n := 1; n < 64<<20; n += 4099 {
		got := sizeClass(n)
		if got < n || got < last || n > 8<<20 && got > n+n/4+hugePage {
			t.Fatalf("a request of %d bytes gets %d after %d", n, got, last)
		}
		last = got
	}
}

// lengths are around the sizes at which something changes.
var lengths = []int{0, 1, 15, 16, 100, 16<<10 - 1, 16 << 10, 16<<10 + 1, 70_000, 1 << 19, 1<<19 + 1}

func lend[T Element](t *testing.T, a *Arena) {
	t.Helper()
	for range 2 {
		var all [][]T
		for _, n := range lengths {
			x := Get[T](a, n)
			if len(x) != n {
				t.Fatalf("asked for %d, got %d", n, len(x))
			}
			if n > 0 && uintptr(unsafe.Pointer(&x[0]))%64 != 0 {
				t.Errorf("%d elements do not start on a cache line", n)
			}
			for i := range x {
				x[i] = T(n)
			}
			all = append(all, x)
		}
		for i, x := range all {
			for _, v := range x {
				if v != T(lengths[i]) {
					t.Fatalf("slices of %d elements overlap", lengths[i])
				}
			}
			Put(a, x[:len(x)/2])
		}
	}
	if a.Used() != 0 {
		t.Errorf("%d bytes are used after all came back", a.Used())
	}
}

func TestSlices(t *testing.T) {
	for _, checked := range []bool{false, true} {
		a := New(Options{Checked: checked})
		lend[float32](t, a)
		lend[float64](t, a)
		lend[byte](t, a)
		lend[uint16](t, a)
		lend[uint64](t, a)
		a.Close()
		if a.Mapped() != 0 || len(a.blocks)+len(a.spans) != 0 {
			t.Errorf("%d bytes are mapped after Close", a.Mapped())
		}
	}
}

func TestReuse(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	x := Get[float32](a, 1<<20)
	Put(a, x)
	if y := Get[float64](a, 1<<19-5); unsafe.Pointer(&y[0]) != unsafe.Pointer(&x[0]) {
		t.Error("a block that was touched lies idle and a fresh one is handed out")
	}
}

// TestAccounts: what is used, mapped and reserved is known, idle spans make way
// for new ones and for what is reserved, the oldest first.
func TestAccounts(t *testing.T) {
	const mb = 1 << 20
	a := New(Options{Budget: 40 * mb, Idle: 30 * mb})
	defer a.Close()
	account := func(what string, used, mapped int64) {
		t.Helper()
		if a.Used() != used*mb || a.Mapped() != mapped*mb {
			t.Errorf("%s: used %d, mapped %d MB, want %d, %d", what, a.Used()/mb, a.Mapped()/mb, used, mapped)
		}
	}
	x, y, z := Get[byte](a, 8*mb), Get[byte](a, 12*mb), Get[byte](a, 16*mb)
	account("three taken", 36, 36)
	Put(a, y)
	Put(a, x)
	account("two idle", 16, 36)
	w := Get[byte](a, 6*mb)
	account("the oldest made way", 22, 30)
	x = Get[byte](a, 8*mb)
	account("the younger was kept", 30, 30)
	Put(a, x)
	release := a.Reserve(15 * mb)
	account("a reserve pushed it out", 22, 22)
	Put(a, w)
	account("nothing lies idle beside a reserve", 16, 22)
	v := Get[byte](a, 10*mb)
	account("what is used may exceed the budget", 26, 26)
	release()
	Put(a, z)
	Put(a, v)
	account("idle up to the bound", 0, 26)
	u := Get[byte](a, 14*mb)
	Put(a, u)
	account("idle above the bound goes", 0, 24)
	a.Trim()
	account("trimmed", 0, 0)
}

// TestSmallBlocksShareSpans: a span goes only when all its blocks are idle.
func TestSmallBlocksShareSpans(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	var all [][]byte
	for range 9 {
		all = append(all, Get[byte](a, 256<<10))
	}
	if a.Mapped() != 2*hugePage {
		t.Errorf("9 blocks of 256 KB take %d bytes, want 4 MB", a.Mapped())
	}
	for _, x := range all[1:] {
		Put(a, x)
	}
	if a.Trim(); a.Mapped() != hugePage {
		t.Errorf("%d bytes are mapped, want the 2 MB of which one block is used", a.Mapped())
	}
	all[0][256<<10-1] = 1
	Put(a, all[0])
}

func TestIdleSpansGo(t *testing.T) {
	a := New(Options{Rest: 10 * time.Millisecond})
	x := Get[byte](a, 3<<20)
	Put(a, Get[byte](a, 5<<20))
	for end := time.Now().Add(10 * time.Second); a.Mapped() != 4<<20; {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are still mapped", a.Mapped())
		}
		time.Sleep(time.Millisecond)
	}
	x[0]++
	Put(a, x)
}

func panics(f func()) (text any) {
	defer func() { text = recover() }()
	f()
	return nil
}

func TestMistakesPanic(t *testing.T) {
	for _, checked := range []bool{false, true} {
		a, b := New(Options{Checked: checked}), New(Options{})
		x, y := Get[float32](a, 1<<20), Get[byte](a, 1<<20)
		Put(a, x)
		for what, f := range map[string]func(){
			"given back twice": func() { Put(a, x) }, "given to another": func() { Put(b, y) },
			"a later start": func() { Put(a, y[1:]) }, "negative": func() { Get[byte](a, -1) },
			"overflow": func() { Get[uint64](a, math.MaxInt/4) },
		} {
			if panics(f) == nil {
				t.Errorf("checked %v: %s does not panic", checked, what)
			}
		}
		if got := panics(a.Close); (got != nil) != checked {
			t.Errorf("checked %v: Close with a block in use: %v", checked, got)
		}
		Put(a, y)
		a.Close()
		if panics(func() { Put(a, x) }) == nil {
			t.Error("given back after it went to the system does not panic")
		}
	}
}

// TestConcurrent: many goroutines never hold the same block.
func TestConcurrent(t *testing.T) {
	for _, checked := range []bool{false, true} {
		a := New(Options{Budget: 24 << 20, Idle: 6 << 20, Rest: time.Millisecond, Checked: checked})
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 200 {
					n := 1 << (10 + (g+i*7)%10)
					x, y := Get[float32](a, n), Get[uint64](a, n/2)
					release := a.Reserve(int64(n))
					x[0], x[n-1], y[0], y[n/2-1] = float32(g), float32(i), uint64(g), uint64(i)
					if i%50 == 0 {
						a.Trim()
					}
					if x[0] != float32(g) || x[n-1] != float32(i) || y[0] != uint64(g) || y[n/2-1] != uint64(i) {
						t.Error("two goroutines hold one block")
					}
					release()
					Put(a, y)
					Put(a, x)
				}
			})
		}
		wg.Wait()
		if a.Close(); a.Used() != 0 || a.Mapped() != 0 || a.reserved != 0 {
			t.Errorf("used %d, mapped %d, reserved %d at the end", a.Used(), a.Mapped(), a.reserved)
		}
	}
}

func BenchmarkGetPut(b *testing.B) {
	a := New(Options{})
	defer a.Close()
	b.ReportAllocs()
	for b.Loop() {
		Put(a, Get[float32](a, 1<<16))
	}
}

// BenchmarkTouch compares memory that is mapped anew each time, that is kept,
// and that Go makes.
func BenchmarkTouch(b *testing.B) {
	const n = 64 << 20
	touch := func(x []byte) {
		for i := 0; i < len(x); i += 64 {
			x[i] = 1
		}
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(n)
			for b.Loop() {
				f()
			}
		})
	}
	a := New(Options{})
	run("kept", func() { x := Get[byte](a, n); touch(x); Put(a, x) })
	run("fresh", func() { x := Get[byte](a, n); touch(x); Put(a, x); a.Trim() })
	run("make", func() { touch(make([]byte, n)) })
}
