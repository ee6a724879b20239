// Package arena hands out large slices of numbers and takes them back.
//
// Fresh memory is slow: its first touch runs at a fraction of a gigabyte a
// second, where memory that was touched before runs at memory speed. An Arena
// therefore maps large pieces of memory, asks for huge pages under them, and
// keeps what is given back for the next request of about the same size. What
// callers get are ordinary slices, which start on a cache line, hold undefined
// values and are not seen by the garbage collector.
//
// Requests of 64 KB and more are rounded up to one of four sizes in each
// doubling; from 2 MB on, to whole huge pages. Blocks below 2 MB are cut from
// spans of 2 MB, larger ones have a span of their own. Smaller requests come
// from ordinary Go memory, where they are cheap, and are left to the collector.
//
// Spans of which nothing is used go back to the system when they lie idle for
// some seconds, when there are more of them than Options.Idle, when they stand
// in the way of Options.Budget, and on Trim and Close.
//
// A checked Arena finds misuse in tests: what it hands out is filled with NaN,
// what is given back cannot be touched until it is handed out again (the oldest
// first), and Close panics when something was not given back. In any Arena,
// giving back twice panics.
package arena
