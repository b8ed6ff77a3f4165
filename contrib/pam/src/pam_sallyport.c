/*
 * pam_sallyport: asks the daemon whether a login is good, and believes nobody
 * else. Whatever goes wrong is a refusal; an outage is told apart from it by
 * PAM_AUTHINFO_UNAVAIL. What a stranger can bring about is never one: service
 * files sometimes ignore outages.
 */
#include <netinet/in.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ask.h"
#include "login.h"
#include "options.h"
#include "text.h"

#define EXPORT __attribute__((visibility("default")))

enum { PROGRAM_MAX = 64 };

/* One login on its way. */
struct attempt {
	pam_handle_t *pamh;
	struct options options;
	bool silent;
	int left; /* milliseconds that may still be waited for the daemon; all questions share them */
	char login[LOGIN_MAX + 1];
	const char *password; /* libpam's own copy */
	char address[INET6_ADDRSTRLEN];
	char program[PROGRAM_MAX];
};

/* Says a sentence to whoever sits there, where somebody does. */
static void tell(const struct attempt *t, const char *reason)
{
	const struct sentence *s = sentence_for(reason);

	if (s == NULL || t->silent || !t->options.code)
		return;
	const char *text = !t->options.german ? s->en : t->options.du ? s->du : s->sie;
	/* That it cannot be shown changes nothing about the verdict. */
	if (s->page && t->options.url != NULL)
		(void)pam_info(t->pamh, "%s %s", text, t->options.url);
	else
		(void)pam_info(t->pamh, "%s", text);
}

/* The name as it will stay: programs go on with what was typed. */
static int find_login(struct attempt *t)
{
	const char *name = NULL;

	if (pam_get_user(t->pamh, &name, NULL) != PAM_SUCCESS || name == NULL)
		return PAM_AUTH_ERR;
	if (!is_login(name))
		return PAM_USER_UNKNOWN;
	memcpy(t->login, name, strlen(name) + 1);
	return PAM_SUCCESS;
}

static int find_password(struct attempt *t)
{
	int got = pam_get_authtok(t->pamh, PAM_AUTHTOK, &t->password, password_prompt(t->options.german));

	if (got == PAM_BUF_ERR || got == PAM_SYSTEM_ERR)
		return PAM_AUTHINFO_UNAVAIL;
	if (got != PAM_SUCCESS || t->password == NULL)
		return PAM_AUTH_ERR;
	/* Empty is never a password, whatever the service file says. */
	size_t len = strnlen(t->password, PASSWORD_MAX + 1);
	return len > 0 && len <= PASSWORD_MAX ? PAM_SUCCESS : PAM_AUTH_ERR;
}

/* Where the client is, if the program says so, and which program asks. */
static void find_surroundings(struct attempt *t)
{
	const void *host = NULL, *program = NULL;

	if (pam_get_item(t->pamh, PAM_RHOST, &host) != PAM_SUCCESS || host == NULL ||
	    !read_address(host, t->address))
		t->address[0] = '\0';
	if (pam_get_item(t->pamh, PAM_SERVICE, &program) != PAM_SUCCESS || program == NULL)
		program = "";
	size_t len = strspn(program, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	snprintf(t->program, sizeof t->program, "pam_sallyport (%.*s)", len < 40 ? (int)len : 40, (const char *)program);
}

/* Puts the question; an outage is logged, and told. */
static bool put(struct attempt *t, const char *code, struct answer *a)
{
	const struct options *o = &t->options;
	const struct question q = {
		.socket = o->socket, .server = o->server, .left = &t->left, .service = o->service,
		.login = t->login, .password = t->password, .code = code,
		.address = t->address[0] != '\0' ? t->address : NULL, .program = t->program,
	};
	char why[WHY_MAX] = "";

	if (ask(&q, a, why))
		return true;
	pam_syslog(t->pamh, LOG_ERR, "%s: %s", o->socket, why);
	tell(t, "directory_unavailable");
	return false;
}

/* An accept is for the canonical login, and for nobody who is spelled otherwise. */
static int compare(const struct attempt *t, const char *canonical)
{
	if (strcmp(canonical, t->login) == 0)
		return PAM_SUCCESS;
	pam_syslog(t->pamh, LOG_NOTICE, "refused: the login \"%s\" must be written \"%s\"", t->login, canonical);
	tell(t, "wrong_spelling");
	return PAM_AUTH_ERR;
}

static int judge(const struct attempt *t, const struct answer *a)
{
	switch (a->status) {
	case 204:
		return compare(t, a->user);
	case 401:
		if (a->reason[0] == '\0') {
			/* Only who sends no credentials is told no reason. */
			pam_syslog(t->pamh, LOG_ERR, "%s: a refusal without a reason is not believed", t->options.socket);
			break;
		}
		tell(t, a->reason);
		return strcmp(a->reason, "unknown_user") == 0 ? PAM_USER_UNKNOWN : PAM_AUTH_ERR;
	case 429:
		tell(t, "throttled");
		return PAM_MAXTRIES;
	case 403:
		pam_syslog(t->pamh, LOG_ERR, "the service \"%s\" may not be asked on %s: see services and allow of its [[listen]]",
			   t->options.service ? t->options.service : "", t->options.socket);
		break;
	default:
		pam_syslog(t->pamh, LOG_ERR, "the daemon cannot decide: status %d, %s", a->status,
			   a->reason[0] != '\0' ? a->reason : "no reason given");
	}
	tell(t, "directory_unavailable");
	return PAM_AUTHINFO_UNAVAIL;
}

/* Whether there is somebody to be asked for the code that is all that lacks. */
static bool wants_code(const struct attempt *t, const struct answer *a)
{
	return t->options.code && a->status == 401 && strcmp(a->reason, "code_required") == 0;
}

static int ask_with_code(struct attempt *t, struct answer *a)
{
	char *code = NULL;
	int result = PAM_AUTH_ERR;

	if (pam_prompt(t->pamh, PAM_PROMPT_ECHO_OFF, &code, "%s",
		       code_prompt(t->options.german, t->options.digits)) != PAM_SUCCESS || code == NULL)
		return PAM_AUTH_ERR;
	/*
	 * Something else behind the password would be one long wrong password, and
	 * count as one. A program that answers every prompt with the password
	 * ends here, too.
	 */
	if (!is_code(code, t->options.digits) || strlen(t->password) + strlen(code) > PASSWORD_MAX)
		tell(t, "code_wrong");
	else if (put(t, code, a))
		result = judge(t, a);
	else
		result = PAM_AUTHINFO_UNAVAIL;
	explicit_bzero(code, strlen(code));
	free(code);
	return result;
}

static int authenticate(struct attempt *t)
{
	struct answer a;
	int found = find_login(t);

	if (found == PAM_SUCCESS)
		found = find_password(t);
	if (found != PAM_SUCCESS)
		return found;
	find_surroundings(t);
	if (!put(t, "", &a))
		return PAM_AUTHINFO_UNAVAIL;
	return wants_code(t, &a) ? ask_with_code(t, &a) : judge(t, &a);
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct attempt t = {.pamh = pamh, .silent = (flags & PAM_SILENT) != 0};

	if (!read_options(pamh, argc, argv, &t.options))
		return PAM_AUTHINFO_UNAVAIL;
	t.left = t.options.timeout;
	return authenticate(&t);
}

/* There are no credentials beyond the login itself. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

/*
 * Whether the account is fit was part of the answer to pam_sm_authenticate,
 * and the daemon answers nothing without a secret. Who logs in without this
 * module, by a key for example, is not looked at here.
 */
EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

static int misplaced(pam_handle_t *pamh)
{
	pam_syslog(pamh, LOG_ERR, "this module is for auth and account; it does not belong here");
	return PAM_SERVICE_ERR;
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags, (void)argc, (void)argv;
	return misplaced(pamh);
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags, (void)argc, (void)argv;
	return misplaced(pamh);
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags, (void)argc, (void)argv;
	return misplaced(pamh);
}
