"""`make failover`: readers are led to a second region and back, by us and by the runbook's line.

Each round makes a zone with random weights in a Route 53 that others have written (moto), lets
`info-assistant failover plan` write its files, and hands them by turns to `failover apply` and to
the seed's `aws route53 change-resource-record-sets … --change-batch file://failover.json`, with the
zone in the place of ZXXXXX. Then the records must be as they were, word for word. It does not prove
how soon the name servers of Amazon follow, nor how long resolvers keep what they have.
"""

import json
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
from benchmarks.harness.moto import moto_s3
from benchmarks.harness.processes import environment
from benchmarks.harness.report import RESULTS, ROOT
from benchmarks.harness.trials import conclude_trial

_ROUNDS = 20  # Half of them by the line of the runbook.
_SEED = ROOT.parent / "shared" / "seed" / "P0-INCIDENTS.md"
_LINE = re.compile(r"^aws route53 change-resource-record-sets .*$", re.MULTILINE)
_NAME = "assistant.example.org"
_HEALTH = {"status": "ok", "dependencies": {"qdrant": {"state": "ok"}}, "modes": []}


def _aws() -> str | None:
    beside = Path(sys.executable).with_name("aws")
    return str(beside) if beside.exists() else shutil.which("aws")


def _zone(client: Any, chance: random.Random) -> tuple[str, str]:  # noqa: ANN401  Has no types.
    """Make a zone whose records lead some readers here and some there; return its id and name."""
    made = client.create_hosted_zone(Name="example.org", CallerReference=str(time.time_ns()))
    zone = str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")
    changes = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": _NAME,
                "Type": kind,
                "SetIdentifier": identifier,
                "Weight": chance.randrange(1, 256),
                "TTL": chance.choice((30, 60, 300)),
                "ResourceRecords": [{"Value": value}],
            },
        }
        for kind, values in {
            "A": ("192.0.2.1", "198.51.100.1"),
            "AAAA": ("2001:db8::1", "2001:db8::2"),
        }.items()
        for identifier, value in zip(("first", "second"), values, strict=True)
    ]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return zone, _NAME


def _records(client: Any, zone: str) -> Sequence[Mapping[str, Any]]:  # noqa: ANN401  Has no types.
    found = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return [each for each in found if "Weight" in each]


def _led(records: Sequence[Mapping[str, Any]]) -> bool:
    return all(
        each["Weight"] == (100 if each["SetIdentifier"] == "second" else 0) for each in records
    )


@contextmanager
def _second_region(folder: Path) -> Iterator[str]:
    """Answer `/health` as a backend that is well; give its address."""
    (folder / "health").write_text(json.dumps(_HEALTH))

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Keep what this prints free of access logs."""

    handler = partial(Handler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Machine:
    """A folder from which commands are run, as somebody on call does."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder, self._settings = folder, environment(settings)
        self.failures: list[str] = []

    def run(self, command: Sequence[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            self.failures.append(f"{shlex.join(command)}: {done.stderr.strip()[:300]}")
        return done.stdout

    def failover(self, *arguments: str) -> None:
        self.run([sys.executable, "-m", "info_assistant", "failover", *arguments])


def _round(machine: _Machine, client: Any, zone: str, line: str | None) -> dict[str, Any]:  # noqa: ANN401
    """Lead readers over and back once, by the runbook's line if there is one."""
    before = _records(client, zone)
    machine.failover("plan")
    began = time.monotonic()
    if line is None:
        machine.failover("apply", "--yes")
    else:
        aws, *arguments = shlex.split(line.replace("ZXXXXX", zone))
        reply = machine.run([_aws() or aws, *arguments])
        change = json.loads(reply or "{}").get("ChangeInfo", {}).get("Id", "none")
        machine.run(
            [_aws() or aws, "route53", "wait", "resource-record-sets-changed", "--id", change]
        )
    seconds = time.monotonic() - began
    led = _led(_records(client, zone))
    machine.failover("back", "--yes")
    restored = _records(client, zone) == before
    return {"by": "aws" if line else "apply", "led": led, "restored": restored, "seconds": seconds}


def trial(folder: Path, line: str) -> dict[str, Any]:
    """Do all rounds; return what became of them."""
    chance, rounds, failures = random.Random(36), [], []  # noqa: S311  The same weights each time.
    backups = folder / "backups" / "20261126T000000Z-000000"
    backups.mkdir(parents=True)
    began = datetime.now(UTC) - timedelta(minutes=5)
    (backups / "manifest.json").write_text(json.dumps({"began_at": began.isoformat()}))
    (backups / "verified.json").write_text(json.dumps({"good": True}))
    with ExitStack() as running:
        amazon = running.enter_context(moto_s3(folder / "moto.log"))
        second = running.enter_context(_second_region(folder))
        client = boto3.client(
            "route53",
            endpoint_url=amazon["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  Nobody checks it.
        )
        for number in range(_ROUNDS):
            zone, name = _zone(client, chance)
            here = folder / str(number)
            here.mkdir()
            settings = {
                **{name: value for name, value in amazon.items() if name.startswith("AWS_")},
                "AWS_ENDPOINT_URL_ROUTE_53": amazon["AWS_ENDPOINT_URL"],
                # aws knows the one region of Amazon's own Route 53; of any other it must be told.
                "AWS_DEFAULT_REGION": amazon["AWS_REGION"],
                "ROUTE53_ZONE_ID": zone,
                "ROUTE53_RECORDS": name,
                "SECOND_REGION_RECORD": "second",
                "SECOND_REGION_URL": second,
                "SECOND_REGION_BACKUP_URL": str(folder / "backups"),
                "DATA_DIR": str(here / "data"),
            }
            machine = _Machine(here, settings)
            rounds.append(_round(machine, client, zone, line if number % 2 else None))
            failures += machine.failures
    return _judged(rounds, failures)


def _judged(rounds: Sequence[Mapping[str, Any]], failures: Sequence[str]) -> dict[str, Any]:
    good = [each for each in rounds if each["led"] and each["restored"]]
    slowest = {
        by: round(max(each["seconds"] for each in rounds if each["by"] == by), 2)
        for by in ("apply", "aws")
    }
    return {
        "rounds": len(rounds),
        "by the line of the runbook": sum(each["by"] == "aws" for each in rounds),
        "led over and restored exactly": len(good),
        "slowest, until the change is spread, s": slowest,
        "failures": list(failures),
        "holds": len(good) == len(rounds) == _ROUNDS and not failures,
    }


def main() -> int:
    """Run it where `aws` and the seed are; elsewhere say loudly that nothing was tried."""
    line = _LINE.search(_SEED.read_text(encoding="utf-8")) if _SEED.exists() else None
    if _aws() is None or line is None:
        what = "aws is not installed (`make suites`)" if line else f"{_SEED.name} is not there"
        print(f"SKIPPED: {what}, so NOTHING was tried.", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        outcome = trial(Path(folder), line[0])
    return conclude_trial(outcome, RESULTS / "second_region.json")


if __name__ == "__main__":
    sys.exit(main())
