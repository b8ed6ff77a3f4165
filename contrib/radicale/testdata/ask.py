# SPDX-License-Identifier: Apache-2.0
"""Asks through the plugin, on the classes of the Radicale that is installed.

Standard input is JSON: config, the path of Radicale's config file, and times. Each
try is printed on a line of its own: the verdict, the login where it is yes, the
error where it is neither yes nor no, and the seconds that it took.
"""

import json
import sys
import time

sys.path.insert(0, ".")

from radicale import config
import sallyport_radicale


def ask(auth):
    begin = time.monotonic()
    out = {"verdict": "no", "login": "", "error": ""}
    try:
        auth.get_external_login({"REMOTE_ADDR": "192.0.2.7"})
        out["login"] = auth.login("alice", "the-secret")
        if out["login"] != "":
            out["verdict"] = "yes"
    except sallyport_radicale.Unavailable as e:
        out.update(verdict="later", error=str(e))
    except Exception as e:  # which Radicale would log as a defect of the plugin
        out.update(verdict="broken", error=repr(e))
    out["seconds"] = time.monotonic() - begin
    return out


told = json.load(sys.stdin)
plugin = sallyport_radicale.Auth(config.load([(told["config"], False)]))
for _ in range(told["times"]):
    print(json.dumps(ask(plugin)))
