"""The programs that people on call have: kubectl, and `curl` and `aws` that know where we are.

Both are small wrappers: the names of the runbook lead to this machine, and DNS is a file.
"""

import stat
from dataclasses import dataclass
from pathlib import Path

_CURL = """#!/bin/bash
words=("${@/https:\\/\\/pubsec-info-assistant.com/http:\\/\\/127.0.0.1:%d}")
exec %s "${words[@]}"
"""
_AWS = """#!/bin/sh
cd "%s" || exit 1
[ -e refused ] && { echo "An error occurred (NoSuchHostedZone)" >&2; exit 254; }
echo secondary > region
echo '{"ChangeInfo": {"Status": "PENDING"}}'
"""


@dataclass(frozen=True, slots=True)
class Dns:
    """Where DNS leads, as files of a folder: `aws` writes them."""

    folder: Path

    @property
    def leads_away(self) -> bool:
        """Whether readers are led to the second region."""
        return (self.folder / "region").exists()

    def refuse(self) -> None:
        """Let `aws` be refused from now on."""
        (self.folder / "refused").touch()


def install(folder: Path, public_port: int, curl: Path, dns: Dns) -> Path:
    """Write the wrappers, and `failover.json` beside them, as the runbook wants; return `bin`."""
    tools = folder / "bin"
    tools.mkdir()
    _program(tools / "curl", _CURL % (public_port, curl))
    _program(tools / "aws", _AWS % dns.folder)
    (folder / "failover.json").write_text("{}")
    return tools


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
