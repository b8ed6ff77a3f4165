/* Which logins, passwords, codes and addresses are asked about at all. */
#ifndef SALLYPORT_LOGIN_H
#define SALLYPORT_LOGIN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* UTF-8 of 1 to 256 bytes without a colon or a control character. */
bool is_login(const char *name);

/* Exactly so many ASCII digits. */
bool is_code(const char *code, size_t digits);

/* Writes a literal IPv4 or IPv6 address in its usual form; false for a name. */
bool read_address(const char *host, char out[INET6_ADDRSTRLEN]);

#endif
