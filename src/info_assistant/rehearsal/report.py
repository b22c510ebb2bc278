"""What a drill found: as a JSON document, and as a page for people."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from info_assistant.drills.truth.judging import Report as Judgement
from info_assistant.rehearsal.audience import Told
from info_assistant.rehearsal.plan import Plan
from info_assistant.rehearsal.probe import Asked, Sample, downtime_s


@dataclass(frozen=True, slots=True)
class Action:
    """A command that the engine ran, or had done by hand."""

    at: float
    seconds: float
    effect: str
    text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Report:
    """A drill from the fault to the all-clear. Moments are in seconds since 1970.

    `times` holds fault, detected, acknowledged, acted, mitigated, resolved, as far as they came.
    """

    plan: Plan
    incident: str
    proof: str
    """What showed that the fault was there."""
    named: Sequence[str]
    """The scenarios that the diagnosis named."""
    diagnosed: bool
    verified: bool
    outlook: str
    """What the engine's own look after the option said."""
    times: Mapping[str, float]
    samples: Sequence[Sample]
    told: Sequence[Told]
    actions: Sequence[Action]
    faults_of_telling: Sequence[str]
    """Messages that came twice, without the mark of a drill, or not at all."""
    remarks: Sequence[str] = field(default=())
    truth: Judgement = field(default_factory=Judgement)
    """Of every sentence that was told, whether the probe agrees with it."""

    @property
    def ended(self) -> float:
        """When the drill was over, for the probe."""
        return max((each.at + each.seconds for each in self.samples), default=0.0)

    def seen(self, asked: Asked) -> list[Sample]:
        """Return the probe's samples of one kind since the fault."""
        begin = self.times["fault"]
        return [each for each in self.samples if each.asked is asked and each.at >= begin]

    @property
    def downtime_s(self) -> float:
        """For how long nobody had an answer to a new question, as the outside probe saw it."""
        return round(downtime_s(self.seen(Asked.NEW)), 1)

    @property
    def known_downtime_s(self) -> float:
        """The same for a question that was answered before the fault."""
        return round(downtime_s(self.seen(Asked.KNOWN)), 1)

    @property
    def holds(self) -> bool:
        """Whether the drill went as it should: named, helped, everybody told once and truly."""
        told_well = not self.faults_of_telling and not self.truth.untrue
        return self.diagnosed and self.verified and told_well

    def since_fault_s(self, name: str) -> float | None:
        """Return how many seconds after the fault something came; None where it did not."""
        at = self.times.get(name)
        return None if at is None else round(at - self.times["fault"], 1)

    def data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        plan, way = self.plan, self.plan.way
        return {
            "scenario": way.scenario,
            "option": way.number,
            "diagnosed": self.diagnosed,
            "verified": self.verified,
            "downtime_s": self.downtime_s,
            "told": [_told(each) for each in self.told],
            "known_downtime_s": self.known_downtime_s,
            "fault": plan.fault,
            "proof": self.proof,
            "disturbances": sorted(plan.disturbances),
            "external": way.external,
            "named": list(self.named),
            "outlook": self.outlook,
            "incident": self.incident,
            "times": {name: _iso(at) for name, at in self.times.items()},
            "seconds": {name: self.since_fault_s(name) for name in self.times if name != "fault"},
            "actions": [{**asdict(each), "at": _iso(each.at)} for each in self.actions],
            "faults_of_telling": list(self.faults_of_telling),
            "truth": self.truth.data(),
            "remarks": list(self.remarks),
            "holds": self.holds,
            "samples": [
                {
                    "at": _iso(each.at),
                    "seconds": round(each.seconds, 3),
                    "asked": each.asked,
                    "outcome": each.outcome,
                    "code": each.code,
                    "saved": each.saved,
                }
                for each in self.samples
            ],
        }


def _told(each: Told) -> dict[str, str]:
    return {
        "at": _moment(each.delivered),
        "written": _moment(each.written),
        "receiver": each.receiver,
        "act": each.act,
        "status": each.status,
        "title": each.title,
        "text": each.text,
    }


def _iso(at: float) -> str:
    return _moment(datetime.fromtimestamp(at, UTC))


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


_TIMES = {
    "detected": "named by the diagnosis",
    "acknowledged": "acknowledged",
    "acted": "first change begun",
    "mitigated": "people served again",
    "resolved": "all-clear",
}


def page(report: Report) -> Iterator[str]:
    """Yield a drill as people read it, line by line."""
    plan, way = report.plan, report.plan.way
    yield f"DRILL of {plan.name}: {'it holds' if report.holds else 'IT DOES NOT HOLD'}"
    yield f"  fault         {plan.fault}: {report.proof}"
    named = " and ".join(report.named) or "nothing"
    yield f"  diagnosis     {'right' if report.diagnosed else 'WRONG'}: it named {named}"
    yield f"  option        {'verified' if report.verified else 'NOT VERIFIED'}: {way.wanted}"
    if way.external:
        yield f"                external, simulated: {way.external}"
    if report.outlook:
        yield f"  engine's look {report.outlook}"
    yield f"  downtime      {report.downtime_s:.1f} s for new questions, by the outside probe"
    yield f"                {report.known_downtime_s:.1f} s for a question answered before"
    yield "\nTimes after the fault"
    for name, words in _TIMES.items():
        seconds = report.since_fault_s(name)
        yield f"  {words:<24}{'never' if seconds is None else f'{seconds:.1f} s'}"
    yield "\nWhat was done"
    for action in report.actions:
        after = action.at - report.times["fault"]
        first = action.text.splitlines()[0]
        yield f"  {after:>6.1f} s  [{action.effect}] {first}: {action.outcome}"
    yield "\nWho was told"
    yield from _words(report)
    truth = report.truth
    yield (
        f"  {len(truth.verdicts)} sentences: the probe agrees with {len(truth.true)}, not with "
        f"{len(truth.untrue)}; {len(truth.not_judged)} are not for it to judge"
    )
    untrue = Counter((each.sentence, each.why) for each in truth.untrue)
    for (sentence, why), times in untrue.items():
        yield f"  ! untrue, told {times} times: {sentence} (it needs that {why})"
    yield from (f"  ! {each}" for each in report.faults_of_telling)
    if report.remarks:
        yield "\nRemarks"
    yield from (f"  - {each}" for each in report.remarks)


def _words(report: Report) -> Iterator[str]:
    """Yield a line for each occasion on which people were told, and how long it took to arrive."""
    occasions: dict[datetime, list[Told]] = {}
    for each in report.told:
        occasions.setdefault(each.written, []).append(each)
    for written, messages in sorted(occasions.items()):
        after = written.timestamp() - report.times["fault"]
        took = max((each.delivered - written).total_seconds() for each in messages)
        names = ", ".join(dict.fromkeys(each.receiver for each in messages))
        shown = next((each for each in messages if each.act == "state"), messages[0])
        words = " ".join(shown.text.split()) or shown.title
        yield f"  {after:>6.1f} s  {names} (with the last of them after {took:.1f} s)"
        yield f"            {words[:160]}"
