// Package asm pins the generators' dependency.
package asm

import _ "github.com/mmcloughlin/avo/build" // the generators' only dependency
