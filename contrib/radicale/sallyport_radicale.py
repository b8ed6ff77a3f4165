# SPDX-License-Identifier: Apache-2.0
"""Radicale asks sallyport whether a login and an app password are right.

An authentication plugin for Radicale 3.0 and later, in this one file and with
Python's own library only. It asks GET /v1/auth on the daemon's check socket for
every request and keeps nothing: a revoked app password is dead at once.

    [auth]
    type = sallyport_radicale
    sallyport_socket = /run/sallyport/check.sock
    sallyport_service = dav
    sallyport_address = REMOTE_ADDR

Yes is the login as the directory spells it, so that Alice and alice share their
calendars. No is "". Everything else, an outage above all, raises: Radicale makes
500 of that, which a calendar program tries again, where 401 would make it ask
for another password.
"""

import base64
import ipaddress
import re
import socket
import threading
import time

from radicale.auth import BaseAuth

# Seconds for the whole question, however slowly the answer comes; the daemon
# needs no more.
TIME_LIMIT = 4

# Bytes; what is longer is no answer of the daemon's.
LONGEST_ANSWER = 16 * 1024
LONGEST_LOGIN = 256

# A whole answer: its status, the lines of its head, and what is behind them.
ANSWER = re.compile(
    br"HTTP/1\.1 ([0-9]{3})(?: [\t -~\x80-\xff]*)?\r\n"
    br"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*)\r\n(.*)", re.DOTALL)

SETTINGS = {"auth": {
    "sallyport_socket": {
        "value": "/run/sallyport/check.sock",
        "help": "path of sallyport's check socket",
        "type": str},
    "sallyport_service": {
        "value": "dav",
        "help": "the service to ask for",
        "type": str},
    "sallyport_address": {
        "value": "REMOTE_ADDR",
        "help": "where the client's address is: REMOTE_ADDR, or X-Remote-Addr "
                "behind a web server that sets this header",
        "type": str}}}


class Unavailable(Exception):
    """There was neither a yes nor a no."""


class Auth(BaseAuth):
    """Asks sallyport. One object serves all threads of Radicale."""

    def __init__(self, configuration):
        super().__init__(configuration.copy(SETTINGS))
        self._socket = self.configuration.get("auth", "sallyport_socket")
        self._service = self.configuration.get("auth", "sallyport_service")
        if not re.match(r"[a-z0-9_.-]+\Z", self._service):
            raise RuntimeError("sallyport_service is the name of a service, not %r" % self._service)
        source = self.configuration.get("auth", "sallyport_address")
        if source not in ("REMOTE_ADDR", "X-Remote-Addr"):
            raise RuntimeError("sallyport_address is REMOTE_ADDR or X-Remote-Addr, not %r" % source)
        self._behind_proxy = source == "X-Remote-Addr"
        self._request = threading.local()

    def get_external_login(self, environ):
        """Remember who asks; the login that follows comes in this thread."""
        self._request.remote_addr = environ.get("REMOTE_ADDR", "")
        self._request.x_remote_addr = environ.get("HTTP_X_REMOTE_ADDR", "")
        self._request.agent = environ.get("HTTP_USER_AGENT", "")
        return ()

    if hasattr(BaseAuth, "_login"):
        # Radicale 3.3 and later: login() is its own, and does more than ask.
        def _login(self, login, password):
            return self._ask(login, password, self._request)

        def _login_ext(self, login, password, context):
            return self._ask(login, password, context)
    else:
        def login(self, login, password):
            return self._ask(login, password, self._request)

    def _ask(self, login, password, seen):
        """Return the canonical login, or "" for no."""
        if not login or ":" in login:
            return ""  # a colon would move the border to the password
        pair = (login + ":" + password).encode("utf-8")
        headers = [
            "Authorization: Basic " + base64.b64encode(pair).decode("ascii"),
            "X-Sallyport-Service: " + self._service]
        address = self._address(seen)
        if address:
            headers.append("X-Forwarded-For: " + address)
        agent = getattr(self._request, "agent", "")
        # A line break in it would begin another header.
        if re.match(r"[!-~][ -~]{0,255}\Z", agent):
            headers.append("User-Agent: " + agent)
        try:
            status, user = read(exchange(self._socket, headers))
        except (OSError, ValueError) as e:
            raise Unavailable("asking sallyport at %s: %s" % (self._socket, e)) from e
        if status == 401:
            return ""
        if status != 204 or not user:
            raise Unavailable("sallyport at %s answers with status %d" % (self._socket, status))
        return user

    def _address(self, seen):
        """Return the client's address, or "" where none is known."""
        name = "x_remote_addr" if self._behind_proxy else "remote_addr"
        address = getattr(seen, name, "") or ""
        try:
            return str(ipaddress.ip_address(address.strip().partition("%")[0]))
        except ValueError:
            return ""  # a Unix socket, or a web server that does not set it


def exchange(path, headers):
    """Ask, and return all that comes until the daemon closes the connection."""
    lines = ["GET /v1/auth HTTP/1.1", "Host: sallyport", "Connection: close"] + headers
    deadline = time.monotonic() + TIME_LIMIT
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIME_LIMIT)
        connection.connect(path)  # where the queue is full this fails at once
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        answer = b""
        while len(answer) <= LONGEST_ANSWER:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            connection.settimeout(left)
            piece = connection.recv(LONGEST_ANSWER)
            if not piece:
                return answer
            answer += piece
    raise ValueError("the answer is too long")


def read(answer):
    """Return the status and the canonical login, "" where there is none.

    Half an answer could name half a login, so what is not whole is none.
    """
    whole = ANSWER.fullmatch(answer)
    if not whole:
        raise ValueError("that is no whole answer")
    status, head, body = whole.groups()
    said = {}
    for line in head.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        said.setdefault(name.lower(), []).append(value.strip(b" \t"))
    length = said.get(b"content-length", [b"0"])
    if length != [b"%d" % len(body)] or b"transfer-encoding" in said or status == b"204" and body:
        raise ValueError("the answer has not the length that it says")
    logins = said.get(b"x-sallyport-user", [b""])
    if len(logins) != 1 or b"\t" in logins[0] or len(logins[0]) > LONGEST_LOGIN:
        raise ValueError("the answer names no login, but something else")
    return int(status), logins[0].decode("utf-8")
