"""Make each P0 real and see what Prometheus and Alertmanager tell people: `make alerts`.

The service runs as real processes (two readers ask all the time), Prometheus and Alertmanager run
with the files of deploy/monitoring, every duration in them divided by one number. A part is broken
and later mended; the incident service's place is taken by one that notes what it is told.

right    an alert is told that pages people and names the scenario that was made
silent   nothing of another scenario, or of none, is told from the break to the end of it all
resolves everything that was told is taken back once it is mended

Counted is every alert that a message names, also one that it names only as over: Alertmanager puts
those of the same scenario into the message too.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.breakable import Breakable, breakable
from benchmarks.harness.monitoring import Monitoring, Target, missing_programs, monitoring
from benchmarks.harness.processes import KEY, await_true
from benchmarks.harness.report import machine, say

from info_assistant.cli.local_redis import server
from info_assistant.drills.provider_faults import Behaviour

RESULT = Path(__file__).parent / "results" / "alerts.json"
SCALE = 60
HELD_S = 12.0
"""How long a fault is there after people were told: twelve minutes of the real rules."""

PATIENCE_S = 60.0
NOT_PROVEN = (
    "Kubernetes' discovery: targets are named by us, with the labels that it would give them.",
    "Three peers of Qdrant: one process is asked under three names.",
    "The incident service: a stand-in takes what Alertmanager sends.",
    "Alerts that need days or a kubelet; they are tried by `promtool test rules` only.",
)


@dataclass(frozen=True)
class Case:
    """What is broken and mended again; `scenario` is what is to be told, "" for nothing."""

    name: str
    scenario: str
    break_it: Callable[[Breakable], None] = lambda _service: None
    mend_it: Callable[[Breakable], None] = lambda _service: None


@dataclass(frozen=True)
class Outcome:
    """What became of a case; seconds are those of this run, not of the real rules."""

    case: str
    scenario: str
    told: list[str]
    others: list[str]
    held_back: list[str]
    told_after_s: float | None
    resolved_after_s: float | None
    right: bool


def _killed(part: str, scenario: str) -> Case:
    return Case(
        f"{part} killed",
        scenario,
        lambda service: service.kill(part),
        lambda service: service.mend(part),
    )


def _frozen(part: str, scenario: str) -> Case:
    return Case(
        f"{part} stands still",
        scenario,
        lambda service: service.freeze(part),
        lambda service: service.thaw(part),
    )


def _provider(name: str, behaviour: Behaviour) -> Case:
    def behave(service: Breakable, how: Behaviour) -> None:
        service.openai.behaviour = how

    return Case(
        name,
        "P0-4",
        lambda service: behave(service, behaviour),
        lambda service: behave(service, Behaviour.WELL),
    )


CASES: Sequence[Case] = (
    Case("nothing broken, busy", ""),
    _killed("backend", "P0-1"),
    _killed("frontend", "P0-1"),
    _killed("qdrant", "P0-2"),
    _killed("redis", "P0-3"),
    _provider("OpenAI answers 503", Behaviour.STATUS_503),
    _frozen("backend", "P0-1"),
    _frozen("qdrant", "P0-2"),
    _frozen("redis", "P0-3"),
    _provider("OpenAI hangs", Behaviour.HANG_BEFORE_HEADERS),
)


def targets_of(service: Breakable) -> list[Target]:
    """Return what Prometheus is to ask of a service."""

    def port_of(name: str) -> int:
        return int(service.settings[name].rsplit(":", 1)[-1])

    ports = {
        "backend": port_of("BACKEND_URL"),
        "frontend": port_of("FRONTEND_URL"),
        "worker": port_of("WORKER_PORT"),
    }
    pods = [Target(part, f"{part}-0", port) for part, port in ports.items()]
    peers = [Target("qdrant", f"qdrant-{n}", port_of("QDRANT_URL")) for n in range(3)]
    return [*pods, *peers]


def is_quiet(watch: Monitoring) -> bool:
    """Whether everything is asked, nothing fires, and nothing that was told still stands."""
    up = watch.query("min(up)")
    return bool(up) and up[0]["value"][1] == "1" and not watch.firing() and not watch.open()


def tried(case: Case, service: Breakable, watch: Monitoring, held_s: float = HELD_S) -> Outcome:
    """Break what the case says, wait to be told, mend it, and wait until all is quiet."""
    await_true(lambda: is_quiet(watch), 2 * PATIENCE_S, "nothing fires before the case", 0.5)
    before = len(watch.incidents.alerts())
    case.break_it(service)
    told_after = _passed(lambda: _names(watch, before, case), case.scenario != "")
    held_back = _during(watch, held_s)
    case.mend_it(service)
    resolved_after = _passed(lambda: is_quiet(watch), wanted=True)
    alerts = watch.incidents.alerts()[before:]
    told = sorted({each["labels"]["alertname"] for each in alerts})
    others = sorted(
        {
            f"{each['labels']['alertname']} {each['labels'].get('instance', '')}".strip()
            for each in alerts
            if each["labels"]["scenario"] != (case.scenario or "nothing")
        }
    )
    right = (told_after is not None) == bool(case.scenario)
    return Outcome(
        case.name, case.scenario, told, others, sorted(held_back - set(told)), told_after,
        resolved_after, right and not others and resolved_after is not None,
    )  # fmt: skip


def _names(watch: Monitoring, before: int, case: Case) -> bool:
    """Whether somebody was paged for the scenario."""
    return any(
        each["labels"]["scenario"] == case.scenario and each["labels"]["severity"] == "critical"
        for each in watch.incidents.alerts()[before:]
    )


def _passed(condition: Callable[[], bool], wanted: bool) -> float | None:  # noqa: FBT001  Of a case.
    """Return after how many seconds a condition held; None where it did not, or is not wanted."""
    if not wanted:
        return None
    began = time.monotonic()
    try:
        await_true(condition, PATIENCE_S, "", 0.2)
    except TimeoutError:
        return None
    return round(time.monotonic() - began, 1)


def _during(watch: Monitoring, seconds: float) -> set[str]:
    """Return what fires within so many seconds, whether people are told of it or not."""
    fired: set[str] = set()
    until, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < until:
        fired |= watch.firing()
        pause.wait(0.5)
    return fired


def run(cases: Sequence[Case], scale: int) -> list[Outcome]:
    """Try the cases one after the other with one service."""
    outcomes = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alerts-")))
        service = stack.enter_context(breakable(with_worker=True))
        stack.enter_context(service.readers(2, ask_anew=True))
        watch = stack.enter_context(
            monitoring(folder / "watch", targets_of(service), scale=scale, qdrant_key=KEY)
        )
        for case in cases:
            found = tried(case, service, watch)
            say(
                f"{'right' if found.right else 'WRONG'}  {case.name}: "
                f"told {', '.join(found.told) or 'nothing'} after {found.told_after_s} s, "
                f"resolved after {found.resolved_after_s} s"
                + (f", and of others {found.others}" if found.others else "")
            )
            outcomes.append(found)
    return outcomes


def table(outcomes: Sequence[Outcome], scale: int) -> dict[str, Any]:
    """Return the result as it is kept."""
    return {
        "holds": all(each.right for each in outcomes),
        "right": sum(each.right for each in outcomes),
        "of": len(outcomes),
        "time_scale": scale,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "not_proven": NOT_PROVEN,
        "cases": [asdict(each) for each in outcomes],
    }


def main() -> int:
    """Try all cases, print what became of them and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Only cases whose name has this in it.")
    parser.add_argument("--scale", type=int, default=SCALE, help="What durations are divided by.")
    given = parser.parse_args()
    missing = missing_programs() + ([] if server() else ["valkey-server"])
    if missing:
        print(f"SKIPPED: {', '.join(missing)} not on PATH, so NOTHING was tried.", file=sys.stderr)
        print("On Debian: apt install prometheus prometheus-alertmanager", file=sys.stderr)
        return 1
    outcomes = run([case for case in CASES if given.only in case.name], given.scale)
    result = table(outcomes, given.scale)
    if not given.only:
        RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=1, ensure_ascii=False))
    print("This does not prove:", *(f"- {each}" for each in NOT_PROVEN), sep="\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
