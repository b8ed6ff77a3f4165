# SPDX-License-Identifier: Apache-2.0
"""The plugin against every shape of Radicale's interface.

Radicale itself is not needed: its base classes and its configuration are stood
in for, and the daemon is a socket that answers as it is told.
"""

import base64
import importlib
import os
import socket
import sys
import tempfile
import threading
import time
import types
import unittest


class OldBase:
    """BaseAuth up to Radicale 3.2: the plugin is login()."""

    def __init__(self, configuration):
        self.configuration = configuration

    def get_external_login(self, environ):
        return ()

    def login(self, login, password):
        raise NotImplementedError

    def serve(self, environ, login, password):
        """Do what Radicale does with a request."""
        assert self.get_external_login(environ) == ()
        return self.login(login, password)


class MiddleBase(OldBase):
    """BaseAuth from 3.3: login() is Radicale's, the plugin is _login()."""

    def _login(self, login, password):
        raise NotImplementedError

    def login(self, login, password):
        return self._login(login.strip(), password)


class NewBase(OldBase):
    """BaseAuth from 3.5.6: the plugin is _login_ext(), with the addresses."""

    def _login(self, login, password):
        raise NotImplementedError

    def _login_ext(self, login, password, context):
        return self._login(login, password)

    def login(self, login, password, context):
        return self._login_ext(login.strip(), password, context), "type"

    def serve(self, environ, login, password):
        assert self.get_external_login(environ) == ()
        # Nothing but the context tells the addresses: the plugin must use it.
        self.get_external_login({**environ, "REMOTE_ADDR": "192.0.2.99", "HTTP_X_REMOTE_ADDR": "192.0.2.98"})
        context = types.SimpleNamespace(
            remote_addr=environ.get("REMOTE_ADDR"), x_remote_addr=environ.get("HTTP_X_REMOTE_ADDR"))
        user, _ = self.login(login, password, context)
        return user


class Configuration:
    """What the plugin uses of Radicale's configuration."""

    def __init__(self, written):
        self.written, self.schema = written, {}

    def copy(self, schema):
        other = Configuration(self.written)
        other.schema = schema
        return other

    def get(self, section, option):
        about = self.schema[section][option]
        return about["type"](self.written.get(option, about["value"]))


class Daemon:
    """Answers one request after the other, and keeps what it was asked."""

    def __init__(self):
        self.path = os.path.join(tempfile.mkdtemp(), "s")
        self.asked, self.held = [], []
        self.answer = b"HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            self.asked.append(data.decode("latin-1").split("\r\n"))
            if self.answer is None:
                self.held.append(connection)  # neither answered nor closed
                continue
            connection.sendall(self.answer)
            connection.close()

    def close(self):
        for connection in [self.listener, *self.held]:
            connection.close()
        os.unlink(self.path)
        os.rmdir(os.path.dirname(self.path))


def plugin(base):
    """Load the plugin as Radicale with this base class would."""
    package, auth = types.ModuleType("radicale"), types.ModuleType("radicale.auth")
    auth.BaseAuth = package.auth = base
    sys.modules.update({"radicale": package, "radicale.auth": auth})
    sys.modules.pop("sallyport_radicale", None)
    return importlib.import_module("sallyport_radicale")


class Plugin(unittest.TestCase):
    """Every test is for all shapes."""

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)

    def shapes(self, **written):
        for base in (OldBase, MiddleBase, NewBase):
            module = plugin(base)
            yield module, module.Auth(Configuration({"sallyport_socket": self.daemon.path, **written}))

    def test_yes_is_the_canonical_login(self):
        for _, auth in self.shapes():
            self.assertEqual(auth.serve({}, "ALICE", "secret"), "alice")

    def test_the_login_is_utf8(self):
        self.daemon.answer = "HTTP/1.1 204 No Content\r\nX-Sallyport-User: müller\r\n\r\n".encode()
        for _, auth in self.shapes():
            self.assertEqual(auth.serve({}, "Müller", "a:ß"), "müller")
            sent = [line for line in self.daemon.asked[-1] if line.startswith("Authorization: Basic ")]
            self.assertEqual(base64.b64decode(sent[0].split()[2]).decode(), "Müller:a:ß")

    def test_the_question(self):
        for _, auth in self.shapes(sallyport_service="files"):
            auth.serve({"REMOTE_ADDR": "192.0.2.7", "HTTP_X_REMOTE_ADDR": "192.0.2.8"}, "alice", "x")
            asked = self.daemon.asked[-1]
            self.assertEqual(asked[0], "GET /v1/auth HTTP/1.1")
            self.assertIn("X-Sallyport-Service: files", asked)
            self.assertIn("X-Forwarded-For: 192.0.2.7", asked)
            self.assertEqual(len([line for line in asked if line.startswith("X-Forwarded-For")]), 1)

    def test_the_address_behind_a_web_server(self):
        for _, auth in self.shapes(sallyport_address="X-Remote-Addr"):
            auth.serve({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REMOTE_ADDR": "2001:db8::7"}, "alice", "x")
            self.assertIn("X-Forwarded-For: 2001:db8::7", self.daemon.asked[-1])

    def test_what_is_no_address_is_not_sent(self):
        for _, auth in self.shapes(sallyport_address="X-Remote-Addr"):
            for address in ("", "unix:", "192.0.2.7, 192.0.2.8", "192.0.2.7\r\nX-Sallyport-Service: web"):
                auth.serve({"HTTP_X_REMOTE_ADDR": address}, "alice", "x")
                text = "\n".join(self.daemon.asked[-1])
                self.assertNotIn("X-Forwarded-For", text)
                self.assertNotIn("web", text)
            auth.serve({"HTTP_X_REMOTE_ADDR": "fe80::1%eth0"}, "alice", "x")
            self.assertIn("X-Forwarded-For: fe80::1", self.daemon.asked[-1])

    def test_no_is_the_empty_login(self):
        self.daemon.answer = b"HTTP/1.1 401 Unauthorized\r\nX-Sallyport-User: alice\r\nContent-Length: 0\r\n\r\n"
        for _, auth in self.shapes():
            self.assertEqual(auth.serve({}, "alice", "wrong"), "")

    def test_a_colon_is_in_no_login(self):
        for _, auth in self.shapes():
            before = len(self.daemon.asked)
            self.assertEqual(auth.serve({}, "alice:x", "y"), "")
            self.assertEqual(auth.serve({}, "", "y"), "")
            self.assertEqual(len(self.daemon.asked), before)
            auth.serve({}, "alice", "y")

    def test_anything_else_is_an_outage(self):
        answers = [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"] + [
            b"HTTP/1.1 %d X\r\nX-Sallyport-User: alice\r\nContent-Length: 0\r\n\r\n" % status
            for status in (200, 302, 400, 403, 404, 429, 500, 503)]
        for module, auth in self.shapes():
            for self.daemon.answer in answers:
                with self.assertRaises(module.Unavailable, msg=self.daemon.answer) as raised:
                    auth.serve({}, "alice", "secret")
                self.assertNotIn("secret", str(raised.exception))
            self.daemon.answer = b"HTTP/1.1 204 No Content\r\nX-Sallyport-User: alice\r\n\r\n"

    def test_no_daemon_is_an_outage(self):
        for module, auth in self.shapes(sallyport_socket=self.daemon.path + ".none"):
            with self.assertRaises(module.Unavailable):
                auth.serve({}, "alice", "secret")

    def test_silence_is_an_outage(self):
        self.daemon.answer = None
        for module, auth in self.shapes():
            self.assertEqual(module.TIME_LIMIT, 4)
            module.TIME_LIMIT = 0.2
            began = time.monotonic()
            with self.assertRaises(module.Unavailable):
                auth.serve({}, "alice", "secret")
            self.assertLess(time.monotonic() - began, 3)

    def test_what_the_client_calls_itself(self):
        for _, auth in self.shapes():
            auth.serve({"HTTP_USER_AGENT": "DAVx5/4.4"}, "alice", "x")
            self.assertIn("User-Agent: DAVx5/4.4", self.daemon.asked[-1])
            for agent in ("DAVx5\r\n X-Sallyport-Service: web", "DAVx5\n", "DAVx5 \xfc", "DAVx5" + "x" * 300):
                auth.serve({"HTTP_USER_AGENT": agent}, "alice", "x")
                self.assertNotIn("DAVx5", "\n".join(self.daemon.asked[-1]))

    def test_a_setting_that_means_nothing_is_refused(self):
        for written in ({"sallyport_address": "X-Forwarded-For"}, {"sallyport_service": ""},
                        {"sallyport_service": "dav\r\nX-Forwarded-For: 192.0.2.1"}, {"sallyport_service": "dav\n"}):
            with self.assertRaises(RuntimeError):
                plugin(OldBase).Auth(Configuration(written))

    def test_threads_do_not_share_addresses(self):
        for base in (OldBase, MiddleBase):
            auth = plugin(base).Auth(Configuration({"sallyport_socket": self.daemon.path}))
            auth.get_external_login({"REMOTE_ADDR": "192.0.2.7"})
            other = threading.Thread(target=auth.get_external_login, args=({"REMOTE_ADDR": "192.0.2.8"},))
            other.start()
            other.join()
            auth.login("alice", "x")
            self.assertIn("X-Forwarded-For: 192.0.2.7", self.daemon.asked[-1])


if __name__ == "__main__":
    unittest.main()
