// Package kernel holds the loops that touch every weight. All of them give the
// same bits on every machine: a multiplication and an addition are two
// roundings, sums have a fixed order, ties go to the lowest index.
package kernel
