// Command loops writes the element by element loops of package kernel.
package main

import (
	"log"
	"os"

	"github.com/rouxml/roux/tensor/kernel/asm/emit"
)

func main() {
	data()
	for _, s := range isas {
		s.conversions()
		s.arithmetic()
		s.reductions()
		s.selection()
		s.merges()
		s.methods()
		s.others()
		s.elementary()
		s.divergence()
		s.raws()
		s.forward()
		s.softmaxStep()
		s.eightBits()
		s.columns()
	}
	if err := emit.Files(os.Args[1], "kernel", "loops"); err != nil {
		log.Fatal(err)
	}
}
