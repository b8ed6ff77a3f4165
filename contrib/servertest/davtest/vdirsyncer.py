# SPDX-License-Identifier: Apache-2.0
"""Runs vdirsyncer as often as it is asked to, and reads its modules only once,
which takes ten times as long as what it does then.

The argument is the path of the socket to listen at. Each connection is one run, in
a process of its own: a line of JSON with args, dir and stdin comes, and one with
code and said, both outputs, goes back. It all ends with standard input.
"""

import json
import os
import select
import signal
import socket
import sys
import tempfile
import traceback

from vdirsyncer.cli import main
import vdirsyncer.cli.discover
import vdirsyncer.cli.tasks
import vdirsyncer.storage.dav
import vdirsyncer.storage.filesystem


def one(connection):
    line = connection.makefile("rb").readline()
    if not line:
        return  # somebody has only looked whether there is a listener
    told = json.loads(line)
    os.chdir(told["dir"])
    given, said = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    given.write(told["stdin"].encode())
    given.seek(0)
    os.dup2(given.fileno(), 0)
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    code = 0
    try:
        main(args=told["args"], prog_name="vdirsyncer")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    said.seek(0)
    text = said.read().decode(errors="replace")
    connection.sendall(json.dumps({"code": code, "said": text}).encode() + b"\n")


path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    ready, _, _ = select.select([listener, 0], [], [])
    if 0 in ready:
        os.unlink(path)
        os.rmdir(os.path.dirname(path))
        break
    connection, _ = listener.accept()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a run
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.alarm(120)
        listener.close()
        try:
            one(connection)
        finally:
            os._exit(0)
    connection.close()
