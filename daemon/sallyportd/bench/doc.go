// Package bench measures the built daemon as its users meet it: over the
// socket, with real plugin processes and a real slapd, beside a peer that does
// less. Every figure in the documentation comes from here.
//
// It holds benchmarks only; it is no library, nobody may import it, and it
// makes no claim that depends on the machine: read the ratios. Run it with
//
//	make bench
package bench
