/*
 * A program that logs somebody in by PAM, for the tests: it answers prompts
 * from its arguments and tells everything that happens, one line for each.
 *
 *   driver FOLDER SERVICE USER RHOST FLAGS ANSWER...
 *
 * FOLDER holds the service files. RHOST may be empty. FLAGS: s PAM_SILENT, a
 * then PAM account management, c credentials, o a session, p a new password.
 * And hard times: w somebody who takes 1.5 s for every answer, i a signal every 5 ms, f no more files from the first prompt
 * on, m look through the memory for what the environment's LEFT says, in hex.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <security/pam_appl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct answers {
	char **next;
	int left;
	int no_files;
	int slow;
	long waited; /* milliseconds that whoever sits there took */
};

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Takes time, like people who look for their phone. */
static void wait_for_them(struct answers *a)
{
	long begun = now();

	poll(NULL, 0, 1500);
	a->waited += now() - begun;
}

static int converse(int n, const struct pam_message **msg, struct pam_response **resp, void *data)
{
	struct answers *a = data;
	struct pam_response *r = calloc((size_t)n, sizeof *r);

	for (int i = 0; i < n; i++) {
		if (msg[i]->msg_style == PAM_TEXT_INFO || msg[i]->msg_style == PAM_ERROR_MSG) {
			printf("told: %s\n", msg[i]->msg);
			continue;
		}
		printf("asked%s: %s\n", msg[i]->msg_style == PAM_PROMPT_ECHO_ON ? " aloud" : "", msg[i]->msg);
		if (a->left == 0) {
			for (int k = 0; k < i; k++)
				free(r[k].resp);
			free(r);
			return PAM_CONV_ERR;
		}
		if (a->slow)
			wait_for_them(a);
		r[i].resp = strdup(*a->next++);
		a->left--;
		if (a->no_files)
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 4096});
	}
	*resp = r;
	return PAM_SUCCESS;
}

/* libpam's lines for syslog come here, because the program is found first. */
static void log_line(const char *format, va_list args)
{
	printf("logged: ");
	vprintf(format, args);
	printf("\n");
}

void syslog(int priority, const char *format, ...)
{
	va_list args;
	(void)priority;
	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;
	(void)priority, (void)flag;
	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

static int open_files(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

static int on_signal_count;

static void on_signal(int s)
{
	(void)s;
	on_signal_count++;
}

static void disturb(void)
{
	struct sigaction sa = {.sa_handler = on_signal}; /* no SA_RESTART */
	struct itimerval often = {{0, 5000}, {0, 5000}};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Whether the bytes here are those of the hex; never puts them together. */
static int is_here(const unsigned char *at, const char *hex)
{
	for (; hex[0] != '\0' && hex[0] != ','; hex += 2, at++)
		if (*at != (digit(hex[0]) << 4 | digit(hex[1])))
			return 0;
	return 1;
}

/* How often one of the texts lies in memory that can be written. */
static int count_left(const char *hexes)
{
	char line[512], mode[8];
	unsigned long from, to;
	int n = 0;
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || strncmp(mode, "rw", 2) != 0 || strstr(line, "[v") != NULL)
			continue;
		for (const char *hex = hexes; hex != NULL; hex = strchr(hex, ',') ? strchr(hex, ',') + 1 : NULL)
			for (unsigned long at = from; at + 64 < to; at++)
				n += is_here((const unsigned char *)at, hex);
	}
	if (maps != NULL)
		fclose(maps);
	return n;
}

static void show(pam_handle_t *h, const char *what, int result)
{
	printf("%s: %s\n", what, result == PAM_SUCCESS ? "yes" : pam_strerror(h, result));
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	const char *flags = argv[5];
	struct answers a = {argv + 6, argc - 6, strchr(flags, 'f') != NULL, strchr(flags, 'w') != NULL, 0};
	struct pam_conv conv = {converse, &a};
	pam_handle_t *h = NULL;
	int before = open_files();

	if (pam_start_confdir(argv[2], argv[3], &conv, argv[1], &h) != PAM_SUCCESS)
		return 2;
	if (argv[4][0] != '\0')
		pam_set_item(h, PAM_RHOST, argv[4]);
	if (strchr(flags, 'i'))
		disturb();
	long begun = now();
	int result = pam_authenticate(h, strchr(flags, 's') ? PAM_SILENT : 0);
	printf("took: %ld ms without the people\n", now() - begun - a.waited);
	if (strchr(flags, 'm'))
		printf("left: %d\n", count_left(getenv("LEFT")));
	if (strchr(flags, 'i') && on_signal_count < 10)
		printf("signals: %d\n", on_signal_count);
	show(h, "result", result);
	if (strchr(flags, 'a'))
		show(h, "account", pam_acct_mgmt(h, 0));
	if (strchr(flags, 'c'))
		show(h, "credentials", pam_setcred(h, PAM_ESTABLISH_CRED));
	if (strchr(flags, 'o')) {
		show(h, "session", pam_open_session(h, 0));
		show(h, "session's end", pam_close_session(h, 0));
	}
	if (strchr(flags, 'p'))
		show(h, "new password", pam_chauthtok(h, 0));
	pam_end(h, result);
	if (a.no_files)
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	if (open_files() != before)
		printf("files: %d open before, %d after\n", before, open_files());
	if (a.left > 0)
		printf("unasked: %d\n", a.left);
	return 0;
}
