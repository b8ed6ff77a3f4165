/* The alphabet of RFC 4648, with padding: what HTTP Basic wants. */
#ifndef SALLYPORT_BASE64_H
#define SALLYPORT_BASE64_H

#include <stddef.h>

/* How many characters n bytes become. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LEN(len) characters to out, without a NUL at the end. */
void base64_write(const char *bytes, size_t len, char *out);

#endif
