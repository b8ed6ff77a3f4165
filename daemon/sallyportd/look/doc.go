// Package look holds no code: its tests look at the page as people do, in a real
// Chromium: pictures of it beside those that were found good, axe-core's rules of
// accessibility, the keyboard alone, what a screen reader is told, how much there
// is to load, and from where.
//
// Behind the page stands a desk of fixed answers and a clock that stands still,
// so that a picture taken today is one taken tomorrow. It is not the place to try
// what the page decides: that is done beside each page, and with the whole daemon
// in package endtoend. Nobody may import it.
//
// SCREENSHOTS=DIR keeps pictures of every state, width, scheme and language, or
// of those states whose names begin as SCENE says; "go test -update" renews the
// pictures in testdata, which are to be looked at before they are committed. testdata/axe.min.js is axe-core,
// which is not ours: it is under the Mozilla Public License 2.0, as its first
// lines say, and no binary holds it.
package look
