/*
 * Runs the pieces of the module that read foreign bytes, for the fuzz targets:
 * one input after the other, for as long as there are any. Input: records of
 * one letter, the length as 4 bytes (big-endian), and so many bytes. Output:
 * one line for each. Built with sanitizers; each input lies in a block of
 * memory of exactly its size.
 */
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base64.h"
#include "login.h"
#include "options.h"

/* What the reader of options wants of libpam, and nothing more of it. */
void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
	(void)pamh, (void)priority, (void)format;
}

struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh, const char *user)
{
	static struct passwd one = {.pw_uid = 990};

	(void)pamh;
	return strcmp(user, "sallyport") == 0 ? &one : NULL;
}

static void show_hex(const char *text)
{
	for (; *text != '\0'; text++)
		printf("%02x", (unsigned char)*text);
}

/* All at once, and as if it came in small pieces: the same must come out. */
static void show_answer(const char *text, size_t len)
{
	struct answer a, b;
	enum reading whole = answer_read(text, len, &a), piece = READING_MORE;

	size_t step = len > 1024 ? 509 : 1; /* each piece is read from the start */
	for (size_t n = 0; n < len && piece == READING_MORE; n += step)
		piece = answer_read(text, n, &b);
	if (piece == READING_MORE)
		piece = answer_read(text, len, &b);
	/* What comes behind the head of an accept is seen only if it is there. */
	int same = whole == piece || (piece == READING_WHOLE && b.status == 204);
	printf("%d %d %d ", (int)whole, same, a.status);
	show_hex(a.user);
	printf(" ");
	show_hex(a.reason);
	printf(".\n");
}

static void show_base64(const char *text, size_t len)
{
	/* Exactly as long as it says: one byte more is an error of memory. */
	char *out = malloc(BASE64_LEN(len) > 0 ? BASE64_LEN(len) : 1);

	base64_write(text, len, out);
	printf("%.*s\n", (int)BASE64_LEN(len), out);
	free(out);
}

static void show_option(const char *text)
{
	int nobody; /* a handle that nobody looks into */
	struct options o;

	if (!read_options((pam_handle_t *)&nobody, 1, &text, &o)) {
		printf("refused\n");
		return;
	}
	printf("%u %d %zu %d %d ", o.server, o.timeout, o.digits, o.german + 2 * o.du, o.code);
	show_hex(o.socket);
	printf(" ");
	show_hex(o.service ? o.service : "");
	printf(" ");
	show_hex(o.url ? o.url : "");
	printf(".\n");
}

static void show(int kind, const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN] = "";

	switch (kind) {
	case 'a':
		show_answer(text, len);
		break;
	case 'b':
		show_base64(text, len);
		break;
	case 'c':
		printf("%d %d\n", is_code(text, 6), is_code(text, 8));
		break;
	case 'l':
		printf("%d\n", is_login(text));
		break;
	case 'h':
		printf("%s\n", read_address(text, address) ? address : "");
		break;
	case 'o':
		show_option(text);
		break;
	default:
		exit(2);
	}
}

int main(void)
{
	unsigned char head[5];

	while (fread(head, 1, sizeof head, stdin) == sizeof head) {
		size_t len = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
		/* Texts are ended by a NUL, answers and credentials are not. */
		int is_text = strchr("clho", head[0]) != NULL;
		char *text = malloc(len + (is_text || len == 0 ? 1 : 0));
		if (text == NULL || fread(text, 1, len, stdin) != len)
			return 2;
		if (is_text)
			text[len] = '\0';
		show(head[0], text, len);
		free(text);
		fflush(stdout);
	}
	return 0;
}
