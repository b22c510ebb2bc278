"""Delivers what waits: per receiver in order, one attempt after the other, as long as it takes.

A receiver that fails holds back only itself. What it does not want as it is lets the rest pass.
Nothing is ever given up by itself; `incident outbox drop` does so on purpose. What is delivered
late is worded anew for the moment; the record keeps what was written and what was said.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from info_assistant.runbooks.errors import (
    DeliveryLater,
    DeliveryRefused,
    NotDelivered,
    RecordBusy,
    RecordError,
)
from info_assistant.runbooks.outbox.attempts import AttemptNotes, Attempts
from info_assistant.runbooks.outbox.messages import (
    Content,
    Outbox,
    Outgoing,
    Stage,
    outbox_of,
    unsaid,
)
from info_assistant.runbooks.receivers.port import Attempt, Receiver
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.log import hold
from info_assistant.runbooks.record.store import Incidents

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
REFUSED_PAUSE_S = 300.0
"""A refused message is tried again this often: somebody may have mended the setting."""


Wording = Callable[[Outgoing], Content]
"""Says a message as it is so at this moment."""


def as_written(each: Outgoing) -> Content:
    """Return the words as they were written."""
    return each.message.content


def _may_have_arrived(each: Outgoing, outbox: Outbox, notes: AttemptNotes) -> bool:
    """Whether a state that this one replaces was tried, so that the receiver may show it."""
    return any(
        notes.read(other.message.id).count > 0
        for other in outbox.messages.values()
        if other.stage is Stage.SUPERSEDED
        and (other.message.receiver, other.message.slot)
        == (each.message.receiver, each.message.slot)
    )


@dataclass(slots=True)
class _Pause:
    failures: int = 0
    until: float = 0.0
    """Of the monotonic clock."""

    def over(self) -> bool:
        return time.monotonic() >= self.until


@dataclass(slots=True)
class Figures:
    """What one receiver has had since the start."""

    delivered: int = 0
    failed: int = 0


@dataclass(slots=True)
class Sender:
    """Sends what waits for one receiver; used by one thread at a time."""

    receiver: Receiver
    store: Incidents
    wording: Wording = as_written
    say: Callable[[str], None] = lambda _words: None
    first_pause_s: float = FIRST_PAUSE_S
    figures: Figures = field(default_factory=Figures)
    _pause: _Pause = field(default_factory=_Pause)
    _refused: dict[str, _Pause] = field(default_factory=dict)

    def run_once(self, *, everybody: bool = False) -> int:
        """Send what may be sent now and return how many were delivered.

        Messages of another store of records are left to its own service, unless `everybody`. Raises
        nothing for a receiver that fails; the record says so.
        """
        delivered = 0
        for name in self.store.names():
            try:
                delivered += self._run_incident(name, everybody=everybody)
            except RecordBusy:
                continue  # Another process is sending, or the disk is slow: next time.
            except RecordError as problem:
                self.say(problem.message)
        return delivered

    def _run_incident(self, name: str, *, everybody: bool) -> int:
        if not self._candidates(name, everybody=everybody):
            return 0
        delivered = 0
        folder = self.store.record(name).folder
        with hold(folder / f"outbox-{self.receiver.name}.lock", 0.0):
            # Looked up again, as another process may just have sent them.
            for each in self._candidates(name, everybody=everybody):
                if not self._pause.over():
                    break
                delivered += self._attempt(name, each, AttemptNotes(folder))
        return delivered

    def _candidates(self, name: str, *, everybody: bool) -> list[Outgoing]:
        if not self._pause.over():
            return []
        mine = self.store.station()
        return [
            each
            for each in outbox_of(self.store.seen(name)).waiting(self.receiver.name)
            if (everybody or each.keeper in {"", mine})
            and self._refused.get(each.message.id, _Pause()).over()
        ]

    def _attempt(self, name: str, each: Outgoing, notes: AttemptNotes) -> bool:
        outbox = outbox_of(self.store.seen(name))
        if outbox.messages[each.message.id].stage is not Stage.WAITING:
            return False  # A newer one took its place while others were sent.
        said = self._said(each)
        message = replace(each.message, content=said)
        before = notes.read(message.id)
        known = outbox.references.get(self.receiver.name, {})
        notes.write(message.id, Attempts(before.count + 1, before.reason))
        try:
            repeated = _may_have_arrived(each, outbox, notes)
            reference = self.receiver.send(Attempt(message, known, repeated or before.count > 0))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            problem = DeliveryLater(f"{self.receiver.name} answers what nobody expects: {error!r}.")
            self._failed(name, each, problem)
            return False
        except NotDelivered as problem:
            self._failed(name, each, problem)
            notes.write(
                message.id, Attempts(before.count + 1, self.store.redacted(problem.message))
            )
            return False
        data: dict[str, object] = {"reference": dict(reference)}
        if said != each.message.content:
            data |= {"said": {**asdict(said), "people": [*said.people]}}
            data |= {"unsaid": unsaid(each.message.content, said)}
        self._tell(name, Kind.DELIVERED, each, data)
        notes.forget(message.id)
        self._pause = _Pause()
        self._refused.pop(message.id, None)
        self.figures.delivered += 1
        return True

    def _said(self, each: Outgoing) -> Content:
        said = self.wording(each)
        if said == each.message.content:
            return said
        redacted = self.store.redacted  # What is worded anew has not been through the record.
        return replace(said, title=redacted(said.title), text=redacted(said.text))

    def _failed(self, name: str, each: Outgoing, problem: NotDelivered) -> None:
        self.figures.failed += 1
        if each.delayed is None:
            self._tell(name, Kind.DELAYED, each, {"reason": problem.message})
            words = f"{name}: {self.receiver.name} has not taken a message: {problem.message}"
            self.say(self.store.redacted(words))
        if isinstance(problem, DeliveryRefused):
            self._refused[each.message.id] = _Pause(1, time.monotonic() + REFUSED_PAUSE_S)
            return
        failures = self._pause.failures + 1
        pause = min(self.first_pause_s * 2 ** (failures - 1), LONGEST_PAUSE_S)
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  So that several do not come together.
        if isinstance(problem, DeliveryLater):
            pause = max(pause, problem.after_s)
        self._pause = _Pause(failures, time.monotonic() + pause)

    def _tell(self, name: str, kind: Kind, each: Outgoing, data: Mapping[str, object]) -> None:
        message = each.message
        whole = {"message": message.id, "receiver": message.receiver, "act": message.act, **data}
        self.store.record(name).append(kind, whole)
