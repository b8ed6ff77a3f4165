#include "options.h"

#include <errno.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

enum { SERVICE_MAX = 64 };

/* The value of "key=value", or NULL where the argument is another one. */
static const char *value_of(const char *argument, const char *key)
{
	size_t len = strlen(key);

	return strncmp(argument, key, len) == 0 && argument[len] == '=' ? argument + len + 1 : NULL;
}

static bool read_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out <= max;
}

/* A number, or the name of a user of this machine. */
static bool read_uid(pam_handle_t *pamh, const char *text, uid_t *out)
{
	unsigned long n;

	if (read_number(text, (uid_t)-2, &n)) {
		*out = (uid_t)n;
		return true;
	}
	struct passwd *p = text[0] != '\0' ? pam_modutil_getpwnam(pamh, text) : NULL;
	if (p == NULL)
		return false;
	*out = p->pw_uid;
	return true;
}

/* Names of services go into a header: they are held to what the config takes. */
static bool read_service(const char *text, const char **out)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	*out = text;
	return len > 0 && len <= SERVICE_MAX && text[len] == '\0';
}

static bool read_url(const char *text, const char **out)
{
	*out = text;
	if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static bool read_option(pam_handle_t *pamh, const char *a, struct options *o)
{
	unsigned long n;
	const char *v;

	if ((v = value_of(a, "socket"))) {
		o->socket = v;
		return v[0] == '/';
	}
	if ((v = value_of(a, "service")))
		return read_service(v, &o->service);
	if ((v = value_of(a, "uid")))
		return read_uid(pamh, v, &o->server);
	if ((v = value_of(a, "timeout"))) {
		bool good = read_number(v, 4, &n) && n > 0;
		o->timeout = good ? (int)n * 1000 : 0;
		return good;
	}
	if ((v = value_of(a, "digits"))) {
		bool good = read_number(v, 8, &n) && (n == 6 || n == 8);
		o->digits = good ? n : 0;
		return good;
	}
	if ((v = value_of(a, "lang"))) {
		o->german = strcmp(v, "de") == 0;
		return o->german || strcmp(v, "en") == 0;
	}
	if ((v = value_of(a, "german"))) {
		o->du = strcmp(v, "du") == 0;
		return o->du || strcmp(v, "sie") == 0;
	}
	if ((v = value_of(a, "url")))
		return read_url(v, &o->url);
	if (strcmp(a, "code") == 0)
		return o->code = true;
	/* pam_get_authtok finds these two by itself. */
	return strcmp(a, "use_first_pass") == 0 || strcmp(a, "try_first_pass") == 0;
}

bool read_options(pam_handle_t *pamh, int argc, const char **argv, struct options *o)
{
	*o = (struct options){
		.socket = "/run/sallyport/check.sock",
		.timeout = 4000,
		.digits = 6,
	};
	for (int i = 0; i < argc; i++) {
		if (!read_option(pamh, argv[i], o)) {
			pam_syslog(pamh, LOG_ERR, "\"%s\" is no option of this module, or its value cannot be used; see pam_sallyport(8)", argv[i]);
			return false;
		}
	}
	return true;
}
