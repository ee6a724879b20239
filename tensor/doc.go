// Package tensor holds the nouns that all of roux shares: element types,
// shapes, the header of a tensor, lazy tensors, immutable sources of them and
// sinks that store them. It knows no file format, no op and no recipe.
package tensor
