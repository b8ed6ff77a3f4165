// Package pb is the generated code of the two plugin contracts, factor.proto
// and hook.proto. It holds nothing written by hand but this sentence, and only
// package plugins/wire may import it: everybody else uses the types of
// plugins/factor and plugins/hook.
package pb
