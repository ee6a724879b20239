// Command gemm writes the micro-kernels and packing loops of tensor/kernel/gemm.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	for _, t := range tiles {
		t.emit()
	}
	for _, p := range copies {
		p.emit()
	}
	for _, p := range wholes {
		p.emit()
	}
	for _, p := range transposes {
		p.emit()
	}
	for _, p := range edges {
		p.emit()
	}
	emitConstants()
	emitRows()
	emitWindow()
	for _, d := range dots {
		d.emit()
	}
	for _, p := range axpyLoops {
		p.emit()
	}
	emitPause()
	emitFetch()
	Generate()
}
