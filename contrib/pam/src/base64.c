#include "base64.h"

#include <stdint.h>

void base64_write(const char *bytes, size_t len, char *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t three = (uint32_t)in[i] << 16;
		if (have > 1)
			three |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			three |= in[i + 2];
		*out++ = letters[three >> 18];
		*out++ = letters[three >> 12 & 63];
		*out++ = have > 1 ? letters[three >> 6 & 63] : '=';
		*out++ = have > 2 ? letters[three & 63] : '=';
	}
}
