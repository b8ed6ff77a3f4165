/*
 * One question to the daemon over its Unix socket: GET /v1/auth, on a
 * connection of its own. Knows nothing of PAM.
 */
#ifndef SALLYPORT_ASK_H
#define SALLYPORT_ASK_H

#include <stdbool.h>
#include <sys/types.h>

#include "answer.h"

enum {
	PASSWORD_MAX = 1024, /* bytes of password and code together */
	WHY_MAX = 256,
};

struct question {
	const char *socket;   /* path of the daemon's http socket */
	uid_t server;         /* who must be listening there */
	int *left;            /* milliseconds to wait at most; what was waited is taken off */
	const char *service;  /* NULL: the socket's default */
	const char *login;    /* at most LOGIN_MAX bytes, no colon, no control character */
	const char *password;
	const char *code;     /* "" where there is none */
	const char *address;  /* of the client; NULL where unknown */
	const char *program;  /* a word for the daemon's log: who asks */
};

/*
 * Asks, and fills in the answer. False means that there is none; then why
 * says so in words that hold no secret.
 */
bool ask(const struct question *q, struct answer *a, char why[WHY_MAX]);

#endif
