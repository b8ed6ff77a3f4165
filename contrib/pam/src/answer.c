#include "answer.h"

#include <string.h>
#include <strings.h>

/* A piece of the text that is not ended by a NUL. */
struct span {
	const char *at;
	size_t len;
};

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_control(text.at[i]) && text.at[i] != '\t')
			return false;
	return true;
}

/* Letters, digits, hyphens and underscores: no blank, so no folded line. */
static bool is_name(struct span text)
{
	static const char in[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	for (size_t i = 0; i < text.len; i++)
		if (memchr(in, text.at[i], sizeof in - 1) == NULL)
			return false;
	return text.len > 0;
}

/* HTTP/1.1, three digits, and words for people. */
static bool read_status(struct span line, int *status)
{
	const size_t digits = sizeof "HTTP/1.1 " - 1;

	if (line.len < digits + 3 || (line.len > digits + 3 && line.at[digits + 3] != ' '))
		return false;
	*status = 0;
	for (size_t i = digits; i < digits + 3; i++) {
		if (line.at[i] < '0' || line.at[i] > '9')
			return false;
		*status = *status * 10 + (line.at[i] - '0');
	}
	return *status >= 200 && *status <= 599;
}

/* Keeps the value of a header that may come once only. */
static bool keep(struct span value, char *to, size_t max)
{
	if (to[0] != '\0' || value.len == 0 || value.len > max)
		return false;
	memcpy(to, value.at, value.len);
	to[value.len] = '\0';
	return true;
}

static bool is_named(struct span name, const char *want)
{
	return name.len == strlen(want) && strncasecmp(name.at, want, name.len) == 0;
}

static bool read_header(struct span line, struct answer *out)
{
	const char *colon = memchr(line.at, ':', line.len);

	if (colon == NULL)
		return false;
	struct span name = {line.at, (size_t)(colon - line.at)};
	struct span value = {colon + 1, line.len - name.len - 1};
	if (!is_name(name))
		return false;
	while (value.len > 0 && is_blank(value.at[0])) {
		value.at++;
		value.len--;
	}
	while (value.len > 0 && is_blank(value.at[value.len - 1]))
		value.len--;
	if (is_named(name, "X-Sallyport-User"))
		return keep(value, out->user, LOGIN_MAX);
	if (is_named(name, "X-Sallyport-Reason"))
		return keep(value, out->reason, REASON_MAX);
	if (is_named(name, "Content-Length") || is_named(name, "Transfer-Encoding"))
		out->body = true;
	return true;
}

/* Reads the head: lines that each end in CR LF, the last one included. */
static bool read_head(struct span head, struct answer *out)
{
	for (bool first = true; head.len > 0; first = false) {
		const char *end = memmem(head.at, head.len, "\r\n", 2);
		struct span line = {head.at, (size_t)(end - head.at)};
		if (!is_plain(line) || !(first ? read_status(line, &out->status) : read_header(line, out)))
			return false;
		head.at += line.len + 2;
		head.len -= line.len + 2;
	}
	return true;
}

enum reading answer_read(const char *text, size_t len, struct answer *out)
{
	static const char version[] = "HTTP/1.1 ";
	size_t begun = len < sizeof version - 1 ? len : sizeof version - 1;

	memset(out, 0, sizeof *out);
	/* A foreign server shows at once, and is not waited for. */
	if (memcmp(text, version, begun) != 0)
		return READING_BROKEN;
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	if (end == NULL)
		return len < ANSWER_MAX ? READING_MORE : READING_BROKEN;
	struct span head = {text, (size_t)(end - text) + 2};
	if (head.len + 2 > ANSWER_MAX || !read_head(head, out))
		return READING_BROKEN;
	/* An accept names somebody, and has no body. */
	if (out->status == 204 && (out->user[0] == '\0' || out->body || len != head.len + 2))
		return READING_BROKEN;
	return READING_WHOLE;
}
