"""Does what is due: looks at each incident's record and the moment, and records what follows.

The decision is taken under the incident's lock and written with its messages as one event, so that
two keepers, or one that was killed, do nothing twice.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from info_assistant.runbooks import clock as clocks
from info_assistant.runbooks.afterwards.checklists import due_reminder
from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.errors import NotAllowed, RecordBusy, RecordError
from info_assistant.runbooks.keeping.cadence import due_word, interval_s
from info_assistant.runbooks.keeping.composing import Composer, Letter, is_last
from info_assistant.runbooks.keeping.escalation import (
    call_of,
    due_call,
    reached,
    tiers_of,
    unattended_s,
)
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.receivers.port import Receiver
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident, Status
from info_assistant.runbooks.record.store import Incidents
from info_assistant.runbooks.telling.assertions import Case
from info_assistant.runbooks.telling.facts import Facts, done_of
from info_assistant.runbooks.telling.notices import executive_brief
from info_assistant.runbooks.telling.templates import Clock

Decision = tuple[Kind, Mapping[str, Any]]


_NOBODY = "nobody has acknowledged"
_FRESH_S = 3.0
"""For so long a look at the service counts as now."""


class Looks(Protocol):
    """Says what is known of the service now."""

    def facts(self, incident: Incident) -> Facts:
        """Return it."""
        ...


@dataclass(slots=True)
class Keeper:
    """Keeps the clock of all incidents of one store of records."""

    store: Incidents
    receivers: Callable[[Runbook], Sequence[Receiver]]
    looks: Looks
    moment: Callable[[], Instant] = clocks.now
    kept: bool = True
    """Whether this process goes on to keep the clock, so that a promised update comes."""
    _runbooks: dict[str, Runbook] = field(default_factory=dict)
    _looked: dict[str, tuple[float, Facts]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> list[Event]:
        """Do what is due for every incident that is ours, and return what was recorded."""
        found: list[Event] = []
        for name in self.store.names():
            try:
                found += self.tend(name)
            except (RecordBusy, NotAllowed):
                continue
            except RecordError:
                continue  # A broken record is shown by `incident list`; the others go on.
        return found

    def tend(self, name: str) -> list[Event]:
        """Do what is due for one incident. Raises RecordError."""
        if not self._ours(self.store.seen(name)):
            return []
        steps = (self._call, self._answer, self._word, self._remind)
        found = [self._step(name, step) for step in steps]
        return [event for event in found if event is not None]

    def say(self, name: str, text: str, *, what: str = "update") -> Event | None:
        """Tell everybody where the incident stands now, with words of a person."""
        return self._step(name, lambda incident: self._told(incident, what, text))

    def escalate(self, name: str, tier: int | None, reason: str) -> Event | None:
        """Call the next tier now, or a certain one, whoever has acknowledged."""
        return self._step(name, lambda incident: self._called(incident, tier, reason))

    def remark(self, name: str, cause: str, text: str) -> Event | None:
        """Tell those who work on an incident a line."""

        def step(incident: Incident) -> Decision:
            letter = self.composer(name).remark(incident, cause, text)
            return Kind.REMINDED, self._with({"what": text}, letter)

        return self._step(name, step)

    def publish(self, name: str, text: str) -> Event | None:
        """Send the post-mortem to those who publish or keep it."""

        def step(incident: Incident) -> Decision:
            letter = self.composer(name).postmortem(incident, f"postmortem-{incident.head}", text)
            return Kind.REMINDED, self._with({"what": "the post-mortem is published"}, letter)

        return self._step(name, step)

    def runbook(self, name: str) -> Runbook:
        """Return the runbook of an incident. Raises RecordError."""
        with self._lock:
            if name not in self._runbooks:
                self._runbooks[name] = self.store.runbook(name)
            return self._runbooks[name]

    def composer(self, name: str) -> Composer:
        """Return who writes for an incident."""
        runbook = self.runbook(name)
        return Composer(self.receivers(runbook), runbook)

    def case(self, incident: Incident) -> Case:
        """Return what sentences about an incident are judged by, as it is now."""
        looked, facts = self._looked.get(incident.id, (float("-inf"), Facts()))
        if time.monotonic() - looked > _FRESH_S:
            facts = self.looks.facts(incident)
            self._looked[incident.id] = (time.monotonic(), facts)
        return Case(replace(facts, done=done_of(incident)), incident, kept=self.kept)

    def clock(self, incident: Incident) -> Clock:
        """Return the times that a text names."""
        every = interval_s(self.runbook(incident.id), incident.scenario)
        return Clock(self.moment().wall, every)

    def _ours(self, incident: Incident) -> bool:
        return incident.keeper in {"", self.store.station()}

    def _step(self, name: str, step: Callable[[Incident], Decision | None]) -> Event | None:
        # Looked at before the lock is taken: most of the time nothing is due.
        if step(self.store.seen(name)) is None:
            return None
        return self.store.decide(name, step)

    def _call(self, incident: Incident) -> Decision | None:
        call = due_call(incident, self.runbook(incident.id), self.moment())
        if call is None:
            return None
        return self._called(incident, call.tier, _NOBODY)

    def _called(self, incident: Incident, tier: int | None, reason: str) -> Decision:
        runbook = self.runbook(incident.id)
        last = len(tiers_of(runbook)) - 1
        wanted = min(reached(incident) + 1 if tier is None else tier, last)
        waited = unattended_s(incident, self.moment())
        call = call_of(incident, runbook, wanted, waited)
        # By itself a tier is called once, under the same name on every machine; people may repeat.
        cause = f"call-{wanted}" + ("" if reason == _NOBODY else f"-{incident.head}")
        brief = ""
        if is_last(runbook, call):  # Only then is the service looked at: a call is not to wait.
            brief = executive_brief(self.case(incident), self.clock(incident)).text
        letter = self.composer(incident.id).call(incident, call, cause, brief)
        people = ", ".join(each.role for each in call.contacts) or "whoever is on call"
        data = {"tier": wanted, "text": call.text, "people": people, "reason": reason}
        return Kind.ESCALATED, self._with(data, letter)

    def _word(self, incident: Incident) -> Decision | None:
        what = due_word(incident, self.runbook(incident.id), self.moment())
        return self._told(incident, what, "") if what else None

    def _told(self, incident: Incident, what: str, text: str) -> Decision:
        clock = self.clock(incident)
        cause = f"{what}-{incident.head}"
        letter = self.composer(incident.id).word(self.case(incident), clock, what, cause, text)
        data = {"what": what, "text": text}
        if incident.status in {Status.OPEN, Status.MITIGATED}:
            data["next_update"] = clock.next_update.isoformat(timespec="seconds")
        return Kind.TOLD, self._with(data, letter)

    def _answer(self, incident: Incident) -> Decision | None:
        """Tell of acknowledgements and handings over that nobody was told of."""
        kinds = {Kind.ACKNOWLEDGED, Kind.HANDED_OFF}
        last = next((e for e in reversed(incident.events) if e.kind in kinds), None)
        if last is None or any(event.data.get("answers") == last.hash for event in incident.events):
            return None
        composer = self.composer(incident.id)
        letter = composer.taken(incident, f"taken-{last.hash}")
        data = {"answers": last.hash, "text": f"{incident.responder} takes care"}
        return Kind.REMINDED, self._with({**data, "what": data["text"]}, letter)

    def _remind(self, incident: Incident) -> Decision | None:
        due = due_reminder(incident, self.runbook(incident.id), self.moment())
        if due is None:
            return None
        letter = self.composer(incident.id).remark(incident, due.cause, due.text)
        return Kind.REMINDED, self._with({"what": due.title, "list": due.cause}, letter)

    def _with(self, data: Mapping[str, Any], letter: Letter) -> dict[str, Any]:
        return {**data, **letter.data(), "keeper": self.store.station()}
