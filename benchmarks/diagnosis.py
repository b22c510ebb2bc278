"""Break a real service, 24 cases, and let `incident diagnose` say what it is: `make diagnosis`.

Every case has processes of its own: Qdrant, Redis, backend, frontend, and a stand-in for OpenAI.
One part or two are killed, frozen or slowed, then the command is run as people run it. What it
names is compared with what was broken; `wrong` is a scenario that was named and not broken.
"""

import argparse
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.breakable import Breakable, breakable, diagnose
from benchmarks.harness.report import machine, say

from info_assistant.drills.ports import unused_port
from info_assistant.drills.provider_faults import Behaviour

RESULT = Path(__file__).parent / "results" / "diagnosis.json"
SETTLE_S = 9.0
"""How long a fault is there before somebody looks: a provider that hangs shows after 8 s."""

LONGEST_S = 15.0


@dataclass(frozen=True)
class Fault:
    """Something that breaks a service, and how to tell that it did."""

    break_it: Callable[[Breakable], None]
    is_there: Callable[[Breakable], bool]


@dataclass(frozen=True)
class Case:
    """What is broken, and what is to be named."""

    group: str
    name: str
    expected: frozenset[str]
    faults: tuple[Fault, ...] = ()
    readers: int = 0
    slow: tuple[str, ...] = ()
    limps: bool = False
    with_model: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    group: str
    case: str
    expected: list[str]
    answer: str
    named: list[str]
    seconds: float
    right: bool
    wrong: list[str]
    runner_up: str


def _killed(part: str) -> Fault:
    return Fault(
        lambda service: service.kill(part),
        lambda service: service.processes[part].poll() == -signal.SIGKILL,
    )


def _frozen(part: str) -> Fault:
    return Fault(lambda service: service.freeze(part), lambda service: service.is_frozen(part))


def _provider(behaviour: Behaviour) -> Fault:
    def misbehave(service: Breakable) -> None:
        service.openai.behaviour = behaviour
        # What is counted from here on was asked of a provider that misbehaves.
        service.openai.tally.lists = 0

    return Fault(misbehave, lambda service: service.openai.tally.lists > 0)


def _slowed(part: str, seconds: float) -> Fault:
    def slow(service: Breakable) -> None:
        service.lines[part].delay_s = seconds

    return Fault(slow, lambda service: service.lines[part].held_back > 0)


def _told_redis(service: Breakable, *words: bytes) -> bytes:
    port = int(service.settings["REDIS_URL"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b" ".join(words) + b"\r\n")
        return connection.recv(1000)


def _demote(service: Breakable) -> None:
    _told_redis(service, b"REPLICAOF", b"127.0.0.1", b"%d" % unused_port())


_DEMOTED = Fault(
    _demote,
    lambda service: b"slave" in _told_redis(service, b"ROLE"),
)
"""Redis is the replica of a master that is not there."""


def _set(*codes: int) -> frozenset[str]:
    return frozenset(f"P0-{code}" for code in codes)


_503, _HANGS = Behaviour.STATUS_503, Behaviour.HANG_BEFORE_HEADERS
CASES: Sequence[Case] = (
    Case("healthy", "idle", _set()),
    Case("healthy", "busy", _set(), readers=2),
    Case("healthy", "without a provider", _set(), readers=1, with_model=False),
    Case("single", "Qdrant killed", _set(2), (_killed("qdrant"),)),
    Case("single", "Redis killed", _set(3), (_killed("redis"),)),
    Case("single", "OpenAI answers 503", _set(4), (_provider(_503),)),
    Case("single", "backend killed", _set(1), (_killed("backend"),)),
    Case("single, frozen", "Qdrant frozen", _set(2), (_frozen("qdrant"),), readers=2),
    Case("single, frozen", "Redis frozen", _set(3), (_frozen("redis"),), readers=2),
    Case("single, frozen", "OpenAI hangs", _set(4), (_provider(_HANGS),), readers=2),
    Case("single, frozen", "backend frozen", _set(1), (_frozen("backend"),)),
    Case("double", "backend and Qdrant", _set(1, 2), (_killed("backend"), _killed("qdrant"))),
    Case("double", "backend and Redis", _set(1, 3), (_killed("backend"), _frozen("redis"))),
    Case("double", "backend and OpenAI", _set(1, 4), (_frozen("backend"), _provider(_503))),
    Case("double", "Qdrant and Redis", _set(2, 3), (_killed("qdrant"), _killed("redis")), 2),
    Case("double", "Qdrant and OpenAI", _set(2, 4), (_frozen("qdrant"), _provider(_503)), 2),
    Case("double", "Redis and OpenAI", _set(3, 4), (_killed("redis"), _provider(_HANGS)), 2),
    Case("slow", "Qdrant after 1.4 s", _set(2), (_slowed("qdrant", 1.4),), slow=("qdrant",)),
    Case("slow", "Redis after 1.4 s", _set(3), (_slowed("redis", 1.4),), slow=("redis",)),
    Case("slow", "OpenAI after 3.4 s", _set(4), (_slowed("openai", 3.4),), slow=("openai",)),
    Case("slow", "backend stands 2 s of 2.2 s", _set(1), limps=True),
    Case("slow", "Redis has no master", _set(3), (_DEMOTED,), readers=1),
    Case("slow", "OpenAI's answers stall", _set(4), (_provider(Behaviour.STALLED_STREAM),), 6),
)


def tried(case: Case, keep: Path | None = None, settle_s: float = SETTLE_S) -> Outcome:
    """Break a service as the case says, and return what the diagnosis made of it."""
    with (
        breakable(slow=case.slow, with_model=case.with_model) as service,
        service.readers(case.readers),
        _limping(service, limps=case.limps),
    ):
        for fault in case.faults:
            fault.break_it(service)
        threading.Event().wait(settle_s)
        began = time.monotonic()
        done = service.diagnose()
        took = time.monotonic() - began
        if not all(fault.is_there(service) for fault in case.faults):
            raise RuntimeError(f"{case.name}: nothing was broken after all")
    return _outcome(case, done.stdout, done.stderr, took, keep)


@contextmanager
def _limping(service: Breakable, *, limps: bool) -> Iterator[None]:
    if not limps:
        yield
        return
    with service.limping("backend", 2.0, 0.2):
        yield


def nothing(keep: Path | None = None) -> Outcome:
    """Look where there is nothing: at ports of this machine that were only assumed."""
    settings = {"BACKEND_PORT": str(unused_port()), "FRONTEND_PORT": str(unused_port())}
    began = time.monotonic()
    done = diagnose(settings | {"DATA_DIR": "/nonexistent"})
    case = Case("no evidence", "nothing runs", _set())
    return _outcome(case, done.stdout, done.stderr, time.monotonic() - began, keep)


def _outcome(case: Case, printed: str, complaint: str, took: float, keep: Path | None) -> Outcome:
    try:
        said: dict[str, Any] = json.loads(printed)
    except ValueError:
        raise RuntimeError(f"{case.name}: no diagnosis was printed: {complaint}") from None
    if keep is not None:
        name = f"{case.group} {case.name}".lower().replace(",", "").replace("'", "")
        (keep / f"{name.replace(' ', '-')}.json").write_text(json.dumps(said, indent=1) + "\n")
    named = [each["code"] for each in said["scenarios"]]
    verdict = {"healthy": "healthy", "no evidence": "unknown"}.get(case.group, "named")
    right = said["verdict"] == verdict and set(named) >= case.expected
    wrong = sorted(set(named) - case.expected)
    runner_up = (said["runner_up"] or {}).get("code", "")
    return Outcome(
        case.group, case.name, sorted(case.expected), said["answer"], named,
        round(took, 1), right and not wrong, wrong, runner_up,
    )  # fmt: skip


def table(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return how many were right in each group, and whether the row holds."""
    groups: dict[str, dict[str, int]] = {}
    for each in outcomes:
        row = groups.setdefault(each.group, {"right": 0, "of": 0})
        row["right"] += each.right
        row["of"] += 1
    wrong = sum(len(each.wrong) for each in outcomes)
    longest = max(each.seconds for each in outcomes)
    allowed = {"double": 1, "slow": 2}
    holds = wrong == 0 and longest <= LONGEST_S
    holds = holds and all(
        row["of"] - row["right"] <= allowed.get(name, 0) for name, row in groups.items()
    )
    return {"groups": groups, "wrong": wrong, "longest_s": longest, "holds": holds}


def main() -> int:
    """Try all cases, print what became of them and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Only cases whose name has this in it.")
    parser.add_argument("--keep", type=Path, help="A folder for what each diagnosis printed.")
    given = parser.parse_args()
    outcomes = [nothing(given.keep)] if not given.only else []
    for case in CASES:
        if given.only in f"{case.group} {case.name}":
            found = tried(case, given.keep)
            say(
                f"{'right' if found.right else 'WRONG' if found.wrong else 'missed'}  "
                f"{case.group}: {case.name} → {found.answer}, {found.seconds:.1f} s"
            )
            outcomes.append(found)
    result = table(outcomes) | {"date": time.strftime("%Y-%m-%d"), "machine": machine()}
    result["cases"] = [asdict(each) for each in outcomes]
    if not given.only:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
