// Package link reaches one LDAP server: it dials, secures and pools
// connections, sends searches and binds within their time, watches the
// server's health, and sorts answers into right, wrong and neither.
//
// It knows nothing of people: what is searched, and what an entry means, is
// package daemon/directory's, which alone may call it.
package link
