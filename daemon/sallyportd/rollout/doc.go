// Package rollout holds no code: its test makes two factors mandatory for ten
// thousand people, in chapters, from the first day on which the normal password
// is still good to the morning after the deadline. A real slapd has the ten
// thousand, the built daemon runs with real plugin processes, and everything goes
// through sockets, the page and the commands of contrib/docs/rollout.md.
//
// It keeps a ledger of its own of all that it was told, and holds the report, the
// metrics and the audit to it. It is not the place to try rules one by one: that
// is done beside each rule, and for single people in package endtoend. Nobody may
// import it.
package rollout
