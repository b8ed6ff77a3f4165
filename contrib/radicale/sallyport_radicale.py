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
import http.client
import ipaddress
import socket
import threading

from radicale.auth import BaseAuth

# Seconds, for connecting and for the answer; the daemon needs no more.
TIME_LIMIT = 4

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
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair).decode("ascii"),
            "X-Sallyport-Service": self._service}
        address = self._address(seen)
        if address:
            headers["X-Forwarded-For"] = address
        agent = getattr(self._request, "agent", "")
        if agent and agent.isprintable():
            headers["User-Agent"] = agent
        try:
            status, user = get(self._socket, headers)
        except (OSError, http.client.HTTPException) as e:
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


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("sallyport", timeout=TIME_LIMIT)
        self._path = path

    def connect(self):
        """Connect within the time limit, which goes for each answer, too."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(path, headers):
    """Ask, and return the status and the canonical login."""
    connection = Connection(path)
    try:
        connection.request("GET", "/v1/auth", headers=headers)
        answer = connection.getresponse()
        # The login is UTF-8; http.client reads every header as Latin-1.
        user = answer.getheader("X-Sallyport-User", "").encode("latin-1").decode("utf-8")
        return answer.status, user
    finally:
        connection.close()
