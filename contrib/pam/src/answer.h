/*
 * What the daemon answered, as far as a status and two headers tell it. The
 * reader is strict: what it does not understand wholly, it does not
 * understand at all, and nobody gets in.
 */
#ifndef SALLYPORT_ANSWER_H
#define SALLYPORT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	ANSWER_MAX = 16 * 1024, /* bytes of status line and headers */
	LOGIN_MAX = 256,        /* bytes of a login, without the NUL */
	REASON_MAX = 64,        /* bytes of a reason, without the NUL */
};

struct answer {
	int status;                  /* 200 to 599 */
	bool body;                   /* a header speaks of one; never with 204 */
	char user[LOGIN_MAX + 1];    /* the canonical login; never empty with 204 */
	char reason[REASON_MAX + 1]; /* a word of the closed list; may be empty */
};

enum reading {
	READING_BROKEN, /* this can become no answer any more */
	READING_MORE,   /* so far so good */
	READING_WHOLE,
};

/* Reads the len bytes that have arrived so far. */
enum reading answer_read(const char *text, size_t len, struct answer *out);

#endif
