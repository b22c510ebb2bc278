"""`drill issuer` from its first line to its end."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable


def test_issuer_prints_settings_answers_and_ends(free_port: Callable[[], int]) -> None:
    """It says with which settings to use it, answers at that address, and ends on SIGINT with 0."""
    command = [sys.executable, "-m", "info_assistant", "drill", "issuer", "--port"]
    process = subprocess.Popen(
        [*command, str(free_port())], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        said: dict[str, str] = {}
        while "SESSION_SECRET" not in said:
            line = process.stdout.readline()
            assert line, "it ended before it had said everything"
            if found := re.fullmatch(r"export (\w+)=(.+)\n", line):
                said[found[1]] = found[2]
        address = f"{said['OIDC_ISSUER']}/.well-known/openid-configuration"
        with urllib.request.urlopen(address, timeout=5) as reply:  # noqa: S310  Loopback.
            assert json.load(reply)["issuer"] == said["OIDC_ISSUER"]
        assert len(said["SESSION_SECRET"]) >= 32
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
