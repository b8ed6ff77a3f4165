// Package check turns an attempt into a verdict. It is the one place that
// decides: every front end asks Engine.Check and only translates.
//
// It is not a protocol, not a store and not a directory: it declares the small
// interfaces that it needs of those and imports the standard library only.
// Front ends and the mains may call it.
package check
