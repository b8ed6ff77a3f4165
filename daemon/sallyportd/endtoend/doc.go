// Package endtoend holds no code: its tests build every binary as a user would
// and drive them only from outside, through sockets, the page and commands, with
// real plugin processes and a real slapd. They know nothing of how the house is
// built, so they would hold for a rewrite; but for app passwords of long ago,
// which no test can wait for, and the stories of testdata/damage, in which somebody
// has the disk.
//
// The stories are in testdata/script, one file each, to be read aloud; the walks
// in a real browser, each in both languages, with scripts and without, the rounds
// of kill -9 and the search for secrets are Go.
// It is not the place to try rules one by one: that is done beside each rule.
// Nobody may import it.
//
// SALLYPORT_KILLS=N raises the rounds of kill -9; SCREENSHOTS=DIR keeps pictures
// of the page.
package endtoend
