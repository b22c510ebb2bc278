"""What is delivered late says what is so then; what was not said stays in the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from info_assistant.drills.receivers import Misbehaviour, running_receivers
from info_assistant.runbooks import clock as clocks
from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.errors import DeliveryLater
from info_assistant.runbooks.keeping.keeper import Keeper
from info_assistant.runbooks.keeping.lateness import Lateness
from info_assistant.runbooks.outbox.messages import (
    Act,
    Content,
    Message,
    Outgoing,
    Stage,
    outbox_of,
)
from info_assistant.runbooks.outbox.sending import Sender
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.receivers.slack import Slack
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.record.timeline import sentence
from info_assistant.runbooks.shipped import NAME, shipped_runbook
from info_assistant.runbooks.telling.facts import Facts

OUT = "Users cannot reach the system."
NOBODY = "Nobody has acknowledged"


@dataclass
class Receiver:
    """Takes everything, unless it is away."""

    name: str = "product"
    acts: frozenset[Act] = frozenset(Act)
    away: bool = True
    taken: list[Attempt] = field(default_factory=list)

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Take it, or not."""
        if self.away:
            raise DeliveryLater("It is away.")
        self.taken.append(attempt)
        return {}

    def said(self, act: Act) -> list[Content]:
        """The words of that act, in the order in which they came."""
        return [each.message.content for each in self.taken if each.message.act is act]


@dataclass
class Night:
    """An incident whose receiver is away at first; the clock goes as a test says."""

    store: Incidents
    receiver: Receiver
    facts_now: Facts = field(default_factory=lambda: Facts(reachable=False))
    later_s: float = 0.0

    def __post_init__(self) -> None:
        """Open the incident, and write what is due; nobody takes it."""
        opening = Opening("token=abcdef123456 is out", "P0-1", "P0")
        self.name = self.store.open(opening, shipped_runbook(), NAME).id
        self.keeper = Keeper(self.store, lambda _runbook: [self.receiver], self, self.now)
        wording = Lateness(self.keeper).wording
        self.sender = Sender(self.receiver, self.store, wording, first_pause_s=0.0)
        self.keeper.tick()
        assert self.sender.run_once() == 0
        assert self.outgoing(Act.STATE)[-1].delayed is not None

    def facts(self, incident: Incident) -> Facts:
        """What is so."""
        del incident
        return self.facts_now

    def now(self) -> Instant:
        """This moment, so much later."""
        real = clocks.now()
        later = timedelta(seconds=self.later_s)
        return Instant(real.wall + later, real.boot, real.uptime_s + self.later_s)

    def outgoing(self, act: Act) -> list[Outgoing]:
        """All messages of that act."""
        found = outbox_of(self.store.read(self.name)).messages.values()
        return [each for each in found if each.message.act is act]

    def deliver(self, seconds: float, facts: Facts) -> None:
        """So much later, with this being so, the receiver is back and takes what waits."""
        self.later_s, self.facts_now, self.receiver.away = seconds, facts, False
        self.keeper._looked.clear()
        assert self.sender.run_once() > 0
        assert not outbox_of(self.store.read(self.name)).waiting()


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """An outage that the receiver has not been told of."""
    return Night(Incidents(tmp_path / "i", Redaction(), author=("service", "desk")), Receiver())


BACK = Facts(reachable=True, answers=True)


def test_a_state_that_comes_late_says_what_is_so_then(night: Night) -> None:
    """A banner that waited for the backend does not say that nobody reaches it; the record does."""
    (written,) = night.outgoing(Act.STATE)
    assert OUT in written.message.content.text
    night.deliver(40, BACK)
    (said,) = night.receiver.said(Act.STATE)
    assert OUT not in said.text
    assert "We look into reports of a problem." in said.text
    (kept,) = night.outgoing(Act.STATE)
    assert kept.message.content == said
    assert OUT in str(kept.queued.data["messages"])
    assert kept.ended is not None
    assert OUT in kept.ended.data["unsaid"]
    assert f"no longer said: {OUT}" in sentence(kept.ended)
    assert "abcdef123456" not in str([each.message for each in night.receiver.taken])


def test_a_state_that_still_holds_is_said(night: Night) -> None:
    """Late or not, what is so is told, with the next update that was promised."""
    (written,) = night.outgoing(Act.STATE)
    night.deliver(40, Facts(reachable=False))
    assert night.receiver.said(Act.STATE) == [written.message.content]
    (kept,) = night.outgoing(Act.STATE)
    assert kept.ended is not None
    assert "said" not in kept.ended.data


def test_only_the_newest_state_is_delivered(night: Night) -> None:
    """Of two states that waited the older one is never shown, though a sender had it in hand."""
    (old,) = night.outgoing(Act.STATE)
    night.receiver.away, night.facts_now = False, BACK
    night.keeper._looked.clear()
    real = night.receiver.send

    def send(attempt: Attempt) -> Mapping[str, str]:
        if not night.receiver.taken:  # While the first message is sent, a new state is written.
            night.keeper.say(night.name, "We have found it")
        return real(attempt)

    night.receiver.send = send  # type: ignore[method-assign]
    while night.sender.run_once():
        pass
    (shown,) = night.receiver.said(Act.STATE)
    assert "We have found it" in shown.text
    assert night.outgoing(Act.STATE)[0].stage is Stage.SUPERSEDED
    assert night.outgoing(Act.STATE)[0].message == old.message


def test_a_state_whose_elder_may_be_shown_asks_first(night: Night) -> None:
    """Slack and Statuspage look for what an earlier attempt left, also one of older words."""
    night.keeper.say(night.name, "We have found it")
    night.deliver(1, BACK)
    (attempt,) = [each for each in night.receiver.taken if each.message.act is Act.STATE]
    assert attempt.repeated


def test_a_call_that_comes_after_the_acknowledgement_says_so(night: Night) -> None:
    """Whoever is called late does not read that nobody cares."""
    assert NOBODY in night.outgoing(Act.PAGE)[0].message.content.text
    Incidents(night.store._folder, Redaction(), author=("ada", "desk")).tell(
        night.name, Kind.ACKNOWLEDGED, {}
    )
    night.deliver(40, BACK)
    (said,) = night.receiver.said(Act.PAGE)
    assert NOBODY not in said.text
    assert "ada takes care of it." in said.text
    assert "incident ack" not in said.text
    assert "delivered late" not in said.text


def test_a_call_that_nobody_answered_says_how_long(night: Night) -> None:
    """The time that it names is the one in which nobody cared, not 0 s; and when it was written."""
    night.deliver(300, BACK)
    (said,) = night.receiver.said(Act.PAGE)
    assert f"{NOBODY} for 5 min." in said.text
    assert said.text.startswith("Written at ")
    assert "incident ack" in said.text


@pytest.mark.parametrize(("seconds", "dated"), [(30, False), (90, True)])
def test_a_line_of_the_story_says_when_it_was_written(
    night: Night, seconds: float, *, dated: bool
) -> None:
    """Mail, webhook and threads keep their words, with the time where they come late."""
    (written,) = night.outgoing(Act.TICKET)
    night.deliver(seconds, BACK)
    (said,) = night.receiver.said(Act.TICKET)
    mark = f"Written at {written.queued.at:%Y-%m-%d %H:%M} UTC, delivered late.\n\n"
    assert said.text == (mark if dated else "") + written.message.content.text


@pytest.mark.parametrize("newer", [False, True], ids=["the same message", "a newer one"])
def test_slack_shows_one_state_with_the_last_words(*, newer: bool) -> None:
    """A root post whose answer was lost is found and edited, by the same message or a newer one."""
    with running_receivers() as stand_in:
        service = WebService("Slack", f"{stand_in.url}/slack", {})
        slack = Slack(service, "#pubsec-incidents", dict)
        first = Message("m1", "i", "slack", Act.STATE, Content("t", OUT), "state")
        stand_in.misbehave("slack", Misbehaviour.DIE_AFTER)
        with pytest.raises(DeliveryLater):
            slack.send(Attempt(first, {}, repeated=False))
        assert stand_in.taken["slack"].fired[Misbehaviour.DIE_AFTER] == 1
        again = replace(first, id="m2" if newer else "m1", content=Content("t", "It is back."))
        known = slack.send(Attempt(again, {}, repeated=True))
        ((ts, post),) = stand_in.taken["slack"].things.items()
        assert (known["ts"], post["text"]) == (ts, "It is back.")
