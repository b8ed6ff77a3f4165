#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"

enum {
	REQUEST_MAX = 4096,
	CREDENTIALS_MAX = LOGIN_MAX + 1 + PASSWORD_MAX,
	FULL_QUEUE_WAIT = 20, /* milliseconds */
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until the socket is ready, or says no when the time is up. */
static bool await(int fd, short events, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - now();
		struct pollfd p = {.fd = fd, .events = events};
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR) {
			if (n == 0)
				errno = ETIMEDOUT;
			return false;
		}
	}
}

/* Opens the connection; -1 with errno where that fails. */
static int dial(const struct question *q, int64_t deadline)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (strlen(q->socket) >= sizeof to.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, q->socket, strlen(q->socket));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	while (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		/* EAGAIN: its queue is full. Nothing tells when that changes. */
		if ((errno != EAGAIN && errno != EINTR) || now() >= deadline) {
			int failed = errno == EAGAIN ? ETIMEDOUT : errno;
			close(fd);
			errno = failed;
			return -1;
		}
		poll(NULL, 0, FULL_QUEUE_WAIT);
	}
	return fd;
}

/* The kernel says who listens; anybody else must not see a secret. */
static bool is_expected(int fd, uid_t server, char why[WHY_MAX])
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		snprintf(why, WHY_MAX, "asking who listens: %m");
		return false;
	}
	if (peer.uid != server) {
		snprintf(why, WHY_MAX,
			 "uid %u listens, not uid %u; nothing was sent. If that is the daemon, set uid=%u",
			 peer.uid, server, peer.uid);
		return false;
	}
	return true;
}

/* Writes the request into out; its length, or 0 where it would not fit. */
static size_t write_request(const struct question *q, char out[REQUEST_MAX])
{
	char credentials[CREDENTIALS_MAX];
	size_t login = strlen(q->login), password = strlen(q->password), code = strlen(q->code);

	if (login > LOGIN_MAX || password > PASSWORD_MAX || code > PASSWORD_MAX - password)
		return 0;
	int head = snprintf(out, REQUEST_MAX,
			    "GET /v1/auth HTTP/1.1\r\nHost: sallyport\r\nConnection: close\r\n"
			    "User-Agent: %s\r\n%s%s%s%s%s%sAuthorization: Basic ",
			    q->program,
			    q->service ? "X-Sallyport-Service: " : "", q->service ? q->service : "",
			    q->service ? "\r\n" : "",
			    q->address ? "X-Forwarded-For: " : "", q->address ? q->address : "",
			    q->address ? "\r\n" : "");
	size_t len = login + 1 + password + code;
	if (head < 0 || (size_t)head + BASE64_LEN(len) + 4 > REQUEST_MAX)
		return 0;
	memcpy(credentials, q->login, login);
	credentials[login] = ':';
	memcpy(credentials + login + 1, q->password, password);
	memcpy(credentials + login + 1 + password, q->code, code);
	base64_write(credentials, len, out + head);
	explicit_bzero(credentials, sizeof credentials);
	memcpy(out + head + BASE64_LEN(len), "\r\n\r\n", 4);
	return (size_t)head + BASE64_LEN(len) + 4;
}

static bool send_all(int fd, const char *text, size_t len, int64_t deadline)
{
	while (len > 0) {
		/* MSG_NOSIGNAL: a host that dies of SIGPIPE would be ours to blame. */
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		if (n >= 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN ? !await(fd, POLLOUT, deadline) : errno != EINTR) {
			return false;
		}
	}
	return true;
}

static bool receive(int fd, struct answer *a, int64_t deadline, char why[WHY_MAX])
{
	char text[ANSWER_MAX];
	size_t have = 0;

	for (;;) {
		if (!await(fd, POLLIN, deadline)) {
			snprintf(why, WHY_MAX, "waiting for the answer: %m");
			return false;
		}
		ssize_t n = recv(fd, text + have, sizeof text - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0) {
			snprintf(why, WHY_MAX, n < 0 ? "reading the answer: %m"
					: have > 0 ? "the connection was closed in mid-answer"
					: "the connection was closed without an answer; may this user ask there?");
			return false;
		}
		have += (size_t)n;
		switch (answer_read(text, have, a)) {
		case READING_WHOLE:
			return true;
		case READING_MORE:
			continue;
		case READING_BROKEN:
			snprintf(why, WHY_MAX, "this is no answer of sallyport; is it the http socket?");
			return false;
		}
	}
}

static bool converse(int fd, const struct question *q, int64_t deadline, char why[WHY_MAX])
{
	char request[REQUEST_MAX];
	size_t len = write_request(q, request);
	bool sent = false;

	if (len == 0) {
		snprintf(why, WHY_MAX, "the question is too long to be asked");
	} else {
		sent = send_all(fd, request, len, deadline);
		if (!sent)
			snprintf(why, WHY_MAX, "sending the question: %m");
	}
	explicit_bzero(request, sizeof request);
	return sent;
}

bool ask(const struct question *q, struct answer *a, char why[WHY_MAX])
{
	int64_t deadline = now() + *q->left;
	int fd = dial(q, deadline);
	bool answered = false;

	memset(a, 0, sizeof *a);
	if (fd < 0) {
		snprintf(why, WHY_MAX, "connecting: %m");
	} else {
		answered = is_expected(fd, q->server, why) && converse(fd, q, deadline, why) &&
			   receive(fd, a, deadline, why);
		close(fd);
	}
	int64_t left = deadline - now();
	*q->left = left > 0 ? (int)left : 0;
	if (!answered)
		memset(a, 0, sizeof *a);
	return answered;
}
