"""The programs that people on call have: kubectl, and `curl` and `aws` that know where we are.

Both are small wrappers: the names of the runbook lead to this machine, and DNS is a file.
"""

import json
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
case "$*" in
  *list-resource-record-sets*) cat records.json; exit;;
  *failover.json*) echo secondary > region;;
  *) echo primary > region;;
esac
echo '{"ChangeInfo": {"Status": "PENDING"}}'
"""


@dataclass(frozen=True, slots=True)
class Dns:
    """Where DNS leads, as files of a folder: `aws` writes them."""

    folder: Path

    @property
    def leads_away(self) -> bool:
        """Whether readers are led to the second region."""
        region = self.folder / "region"
        return region.exists() and region.read_text().strip() == "secondary"

    def refuse(self) -> None:
        """Let `aws` be refused from now on."""
        (self.folder / "refused").touch()


def install(folder: Path, public_port: int, curl: Path, dns: Dns) -> Path:
    """Write the wrappers, and `failover.json` beside them, as the runbook wants; return `bin`."""
    tools = folder / "bin"
    tools.mkdir()
    _program(tools / "curl", _CURL % (public_port, curl))
    _program(tools / "aws", _AWS % dns.folder)
    (dns.folder / "records.json").write_text(
        json.dumps({"ResourceRecordSets": _records(primary=100)})
    )
    changes = [{"Action": "UPSERT", "ResourceRecordSet": each} for each in _records(primary=0)]
    (folder / "failover.json").write_text(json.dumps({"Changes": changes}))
    return tools


def _records(primary: int) -> list[dict[str, object]]:
    """Return a name's records of two regions, of which the first has this weight of 100."""
    return [
        {"Name": "x.org.", "Type": "A", "SetIdentifier": name, "Weight": weight}
        for name, weight in (("primary", primary), ("secondary", 100 - primary))
    ]


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
