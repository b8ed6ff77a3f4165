// Package daemon is the house that all of sallyport's own code lives in. It
// holds no code: what it holds is the test that keeps the floors, the doors,
// the package docs and the budgets (house_test.go and its neighbours).
//
// It is not to be imported by anyone. A failure of its test says what to do;
// the tables in it change only together with the design of the house, never to
// make a build pass.
package daemon
