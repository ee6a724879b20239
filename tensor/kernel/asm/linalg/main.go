// Command linalg writes the vector loops of tensor/linalg.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	for _, zmm := range []bool{true, false} {
		v := vector{zmm}
		for _, r := range []rows{{count: 1, dot: true}, {count: 4, dot: true}, {count: 1, add: true}, {count: 4, add: true}, {count: 4, dot: true, add: true}} {
			r.emit(v)
		}
		emitRotate(v)
		emitSecular(v)
	}
	Generate()
}
