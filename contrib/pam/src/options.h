/* What stands behind pam_sallyport.so in a service file. */
#ifndef SALLYPORT_OPTIONS_H
#define SALLYPORT_OPTIONS_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <sys/types.h>

struct options {
	const char *socket;
	const char *service; /* NULL: the socket's default */
	uid_t server;
	int timeout; /* milliseconds of waiting for the daemon in one login */
	size_t digits; /* of a code */
	bool german;
	bool du;       /* how German addresses people */
	bool code;     /* whoever sits there can be asked a second time, and told something */
	const char *url; /* of the page; NULL: it is not named */
};

/*
 * Reads the options. False, with a line in syslog, where one is unknown or
 * has no sense: a module that guesses is worse than one that lets nobody in.
 */
bool read_options(pam_handle_t *pamh, int argc, const char **argv, struct options *o);

#endif
