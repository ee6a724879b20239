// Package engine turns a recipe into a plan and a plan into models. A plan is
// made from headers alone: every tensor that a step yields is a cell that knows
// what it is computed from, so that nothing is read before an output asks for
// it. Row-wise steps stay fused: a block of rows is pulled through the whole
// chain while it is in the processor's cache. The engine knows no op and no
// format by name, and prints nothing: it emits events.
package engine
