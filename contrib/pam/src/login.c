#include "login.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "answer.h"

/* Reads one character of strict UTF-8; its length, or 0 where it is none. */
static size_t read_rune(const unsigned char *s, uint32_t *rune)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;

	if (len <= 1) {
		*rune = s[0];
		return len;
	}
	*rune = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0; /* also the NUL at the end */
		*rune = *rune << 6 | (s[i] & 0x3f);
	}
	if (*rune < least[len] || *rune > 0x10ffff || (*rune >= 0xd800 && *rune < 0xe000))
		return 0;
	return len;
}

bool is_login(const char *name)
{
	size_t all = strnlen(name, LOGIN_MAX + 1), at = 0;

	if (all == 0 || all > LOGIN_MAX)
		return false;
	while (at < all) {
		uint32_t rune;
		size_t len = read_rune((const unsigned char *)name + at, &rune);
		if (len == 0 || rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == ':')
			return false;
		at += len;
	}
	return true;
}

bool is_code(const char *code, size_t digits)
{
	return strlen(code) == digits && strspn(code, "0123456789") == digits;
}

bool read_address(const char *host, char out[INET6_ADDRSTRLEN])
{
	unsigned char raw[sizeof(struct in6_addr)];

	for (int i = 0; i < 2; i++) {
		int family = i == 0 ? AF_INET : AF_INET6;
		if (inet_pton(family, host, raw) == 1)
			return inet_ntop(family, raw, out, INET6_ADDRSTRLEN) != NULL;
	}
	return false;
}
