// Package ops is the contract between the engine and the methods that change
// or measure weights. An op is one Spec value in one file. Its params struct
// is the single source of decoding, checks, help and documentation; its kernel
// says the smallest part of a model that it must see at once. An op knows no
// file format, no recipe and no other op.
package ops
