"""Whether what people were told in a drill was so: its record, given to the judge of sentences."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from info_assistant.drills.balancer import NO_ANSWER_IN_TIME, NO_BACKEND_READY
from info_assistant.drills.truth import judging, seen
from info_assistant.rehearsal.audience import Told
from info_assistant.rehearsal.plan import Plan
from info_assistant.rehearsal.probe import Asked, Outcome, Sample
from info_assistant.rehearsal.report import Action, Report
from info_assistant.runbooks.outbox.messages import Act

_OUTCOMES = {
    Outcome.ANSWERED: seen.Outcome.ANSWERED,
    Outcome.UNANSWERED: seen.Outcome.REFUSED,
    Outcome.REFUSED: seen.Outcome.REFUSED,
    Outcome.SILENT: seen.Outcome.TIMED_OUT,
    Outcome.UNREACHABLE: seen.Outcome.ERROR,
}
_BARE = "http_"
"""Begins the code of an error without words of the service: nobody who could say anything is there.
"""
_BALANCER = {NO_BACKEND_READY, NO_ANSWER_IN_TIME}
"""Codes of whoever stands before the service, where nobody of the service is there."""
_ASKED = {Asked.NEW: seen.Asked.NEW, Asked.KNOWN: seen.Asked.KNOWN}
_PARTS = {"bad-release": "backend", "backends-hang": "backend", "load": "backend"}
"""The part that a fault is of, where its name does not begin with it."""


def judged(report: Report) -> judging.Report:
    """Return of every sentence that was delivered whether the probe agrees with it."""
    samples = [_sample(each) for each in report.samples]
    messages = [
        seen.Message(_said(each), each.receiver, f"{each.title}\n{each.text}")
        for each in report.told
    ]
    return judging.judge(samples, list(_happenings(report)), messages)


def _said(each: Told) -> datetime:
    """Return of which moment a message speaks: a remark of the time it names, all else of now.

    A remark that a receiver took late is a line of what happened before, as are other words that
    say when they were written; a state and a call are worded when they are delivered.
    """
    if each.act in {Act.STATE, Act.PAGE}:
        return each.delivered
    dated = "delivered late." in each.text
    return each.written if each.act == Act.REMARK or dated else each.delivered


def _sample(each: Sample) -> seen.Sample:
    outcome = _OUTCOMES[each.outcome]
    if each.code.startswith(_BARE) or each.code in _BALANCER:
        outcome = seen.Outcome.ERROR
    elif each.good and each.code:
        outcome = seen.Outcome.DEGRADED
    return seen.Sample(_moment(each.at), outcome, each.seconds, _ASKED[each.asked], each.saved)


def _happenings(report: Report) -> Iterator[seen.Happening]:
    part = _part(report.plan)
    yield seen.Happening(_moment(report.times["fault"]), seen.Happened.FAULT, part)
    mended = _mended(report)
    if mended is not None:
        yield seen.Happening(_moment(mended), seen.Happened.MENDED, part)
    if "detected" in report.times:
        at = _moment(report.times["detected"])
        yield seen.Happening(at, seen.Happened.ACTION, "incident diagnose")
    if "acknowledged" in report.times:
        at = _moment(report.times["acknowledged"])
        yield seen.Happening(at, seen.Happened.ACKNOWLEDGED)
    for action in report.actions:
        yield seen.Happening(_moment(action.at), seen.Happened.ACTION, action.text)


def _part(plan: Plan) -> str:
    known = _PARTS.get(plan.fault)
    return f"{known} {plan.fault}" if known else plan.fault


def _mended(report: Report) -> float | None:
    """Return when what was broken was well: mended by the drill, else by the last change."""
    if "mended" in report.times:
        return report.times["mended"]
    changes = _changes(report.actions)
    return changes[-1].at + changes[-1].seconds if report.verified and changes else None


def _changes(actions: Sequence[Action]) -> list[Action]:
    return [each for each in actions if each.effect != "read-only"]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
