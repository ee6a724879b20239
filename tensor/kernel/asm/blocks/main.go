// Command blocks writes the decoding of GGUF's blocks for package blocks.
package main

import (
	"log"
	"os"

	"github.com/rouxml/roux/tensor/kernel/asm/emit"
)

func main() {
	for _, s := range isas {
		s.fourBits("q40", 18, false)
		s.fourBits("q41", 20, true)
		s.eightBits()
		s.superBlocks("q4K", 144, false)
		s.superBlocks("q5K", 176, true)
		s.sixBits()
	}
	if err := emit.Files(os.Args[1], "blocks", "blocks"); err != nil {
		log.Fatal(err)
	}
}
