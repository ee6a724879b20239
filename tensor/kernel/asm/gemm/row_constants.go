package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// constants are eight times a number each: a whole vector of AVX2.
var constants = map[uint32]Mem{}

// emitConstants writes the numbers that row loops take from memory, since data
// cannot be written within a function.
func emitConstants() {
	for _, bits := range []uint32{0xffff, 0xffff0000, 0x0f0f0f0f, 0x3f3f3f3f, 0x30303030, 0x10101010, 0x20202020, 0xff, 8, 15, toTop} {
		m := GLOBL(fmt.Sprintf("all%08x", bits), RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(bits))
		}
		constants[bits] = m
	}
	tops = GLOBL("tops", RODATA|NOPTR)
	for b := range 4 {
		for i := range 16 {
			DATA(64*b+4*i, U32(uint32(4*(i%4)+b)<<24|0x808080))
		}
	}
	for _, first := range []int{-8, 0} {
		tables[first] = GLOBL(fmt.Sprintf("from%d", -first), RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(math.Float32bits(float32(first+i))))
		}
	}
}

// toTop is 2^-24: what undoes a byte's place at the top of a doubleword.
const toTop = 0x33800000

// tops are shuffles that move byte b of each doubleword to its top.
var tops Mem

// tables are sixteen numbers from one on.
var tables = map[int]Mem{}

func constantAt(bits uint32) Mem {
	m, ok := constants[bits]
	if !ok {
		panic(fmt.Sprintf("constant %08x has no place", bits))
	}
	return m
}

// identifier is a format's name within that of a function.
func identifier(name string) string { return strings.ReplaceAll(name, "_", "") }
