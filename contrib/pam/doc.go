// Package pam holds the tests of the PAM module whose C sources lie in src: the
// module as it is built and installed, in conversations with the real daemon,
// below a real sshd, and against servers that do everything wrong.
//
// It is no Go library and nothing of the daemon; nothing may import it. Whoever
// wants the module runs make here, and reads README.md.
package pam
