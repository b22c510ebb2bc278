"""Which messages an occasion makes, and for which receivers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from info_assistant.runbooks.keeping.cadence import template_of
from info_assistant.runbooks.keeping.escalation import Call, tiers_of
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.outbox.messages import Act, Content, Message, message_id
from info_assistant.runbooks.receivers.port import Receiver
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, Status
from info_assistant.runbooks.record.timeline import sentence, span
from info_assistant.runbooks.telling import notices
from info_assistant.runbooks.telling.assertions import Case
from info_assistant.runbooks.telling.effects import component_state
from info_assistant.runbooks.telling.templates import (
    STATUS_WORDS,
    Clock,
    Filled,
    drill_marked,
    filled,
    stamp,
)


@dataclass(slots=True)
class Letter:
    """What an occasion makes: messages, and what was left out of their words with the reason."""

    incident: Incident
    messages: list[Message] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, object]:
        """Return it as part of an event."""
        found: dict[str, object] = {"messages": [each.data() for each in self.messages]}
        if self.left_out:
            found["left_out"] = [{"sentence": k, "reason": v} for k, v in self.left_out.items()]
        return found


@dataclass(frozen=True, slots=True)
class Composer:
    """Writes for the receivers that are set up."""

    receivers: Sequence[Receiver]
    runbook: Runbook

    def word(self, case: Case, clock: Clock, what: str, cause: str, text: str = "") -> Letter:
        """Return where the incident stands, for everybody; `text` is what a person adds."""
        letter = Letter(case.incident)
        public = notices.public_text(case, clock)
        written = self.inside(case, clock)
        inside = written.text
        letter.left_out |= dict([*public.left_out, *written.left_out])
        said = f"{text.strip()}\n\n" if text.strip() else ""
        incident = case.incident
        title = notices.public_title(case)
        for receiver in self.receivers:
            shown = inside if receiver.name == "slack" else public.text
            if Act.STATE in receiver.acts:
                content = _content(incident, title, said + shown)
                told = replace(content, effect=component_state(case))
                self._add(letter, receiver, Act.STATE, cause, told)
        remark = f"**{what}** {stamp(clock.now)}\n{said}{public.text}"
        self._spread(letter, Act.REMARK, cause, (title, remark))
        if what == "opened":
            self._spread(letter, Act.TICKET, cause, (name_of(incident), inside))
        if what == "resolved":
            self._end(letter, incident, cause)
        return letter

    def call(self, incident: Incident, call: Call, cause: str, brief: str) -> Letter:
        """Return the call of people; `brief` is what executives are told with it, if anything."""
        letter = Letter(incident)
        people = [handle for each in call.contacts for handle in _handles(each.ways.values())]
        title = f"{name_of(incident)}: {call.text}"
        text = call_text(incident, title, call.waited_s, letter=bool(brief))
        content = _content(incident, title, text, people, page=f"tier-{call.tier}")
        for receiver in self.receivers:
            if Act.PAGE in receiver.acts:
                self._add(letter, receiver, Act.PAGE, cause, content)
        if brief:
            self._spread(letter, Act.BRIEF, cause, (f"Brief: {title}", brief))
        return letter

    def taken(self, incident: Incident, cause: str) -> Letter:
        """Return that somebody takes care: calls stop, and the others know."""
        letter = Letter(incident)
        self._answer_calls(letter, incident, Act.PAGE_TAKEN, cause)
        self._spread(letter, Act.REMARK, cause, (name_of(incident), care_of(incident)))
        return letter

    def remark(self, incident: Incident, cause: str, text: str) -> Letter:
        """Return a line for those who work on it."""
        letter = Letter(incident)
        self._spread(letter, Act.REMARK, cause, (name_of(incident), text))
        return letter

    def postmortem(self, incident: Incident, cause: str, text: str) -> Letter:
        """Return the post-mortem for those who publish or keep it."""
        letter = Letter(incident)
        self._spread(letter, Act.POSTMORTEM, cause, (name_of(incident), text))
        return letter

    def brief(self, incident: Incident, cause: str, title: str, text: str) -> Letter:
        """Return a letter to executives or customers, by the people whom mail reaches."""
        letter = Letter(incident)
        self._spread(letter, Act.BRIEF, cause, (title, text))
        return letter

    def inside(self, case: Case, clock: Clock) -> Filled:
        """Return the runbook's template filled in; where it has none, the public words."""
        template = template_of(self.runbook, case.incident.scenario)
        over = case.incident.status in {Status.RESOLVED, Status.CLOSED}
        if not template or over:
            public = notices.public_text(case, clock)
            return Filled(f"**{name_of(case.incident)}**\n\n{public.text}", public.left_out)
        return filled(template, case, clock)

    def _end(self, letter: Letter, incident: Incident, cause: str) -> None:
        self._answer_calls(letter, incident, Act.PAGE_OVER, cause)

    def _answer_calls(self, letter: Letter, incident: Incident, act: Act, cause: str) -> None:
        """Answer every call that was made; without any there is nothing to answer."""
        tiers = [
            f"tier-{event.data.get('tier')}"
            for event in incident.events
            if event.kind == Kind.ESCALATED
        ]
        if not tiers:
            return
        content = _content(incident, name_of(incident), "", list(dict.fromkeys(tiers)))
        for receiver in self.receivers:
            if act in receiver.acts:
                self._add(letter, receiver, act, cause, content)

    def _spread(self, letter: Letter, act: Act, cause: str, words: tuple[str, str]) -> None:
        content = _content(letter.incident, *words)
        for receiver in self.receivers:
            if act in receiver.acts:
                self._add(letter, receiver, act, cause, content)

    def _add(
        self, letter: Letter, receiver: Receiver, act: Act, cause: str, content: Content
    ) -> None:
        name = letter.incident.id
        identity = message_id(name, cause, receiver.name, act)
        slot = "state" if act is Act.STATE else ""
        letter.messages.append(Message(identity, name, receiver.name, act, content, slot))


def call_text(incident: Incident, title: str, waited_s: float, *, letter: bool) -> str:
    """Return what those who are called read; `letter` says how to write to customers."""
    lines = [f"**{title}**", f"Since {stamp(incident.times['started'])}. "]
    if "resolved" in incident.times:
        lines[1] += f"The incident is over since {stamp(incident.times['resolved'])}."
    elif incident.unattended:
        lines[1] += f"Nobody has acknowledged for {span(timedelta(seconds=waited_s))}."
    else:
        lines[1] += care_of(incident)
    lines += [f"- {each}" for each in _evidence(incident)]
    if incident.unattended and "resolved" not in incident.times:
        lines += [f"Acknowledge: `info-assistant incident ack --id {incident.id}`"]
    if letter:
        command = f"info-assistant incident update --customers --id {incident.id}"
        lines += [f"Letter to customers: `{command}`"]
    return "\n".join(lines)


def care_of(incident: Incident) -> str:
    """Return who takes care of an incident that somebody has acknowledged or was handed."""
    if incident.unattended:
        return f"Handed over to {incident.responder}, who has not acknowledged yet."
    return f"{incident.responder} takes care of it."


def _content(
    incident: Incident, title: str, text: str, people: Sequence[str] = (), page: str = ""
) -> Content:
    return Content(
        drill_marked(title, incident),
        drill_marked(text, incident),
        STATUS_WORDS[incident.status]
        if incident.status is not Status.OPEN or not incident.option
        else "identified",
        incident.times["started"].isoformat(),
        tuple(people),
        incident.drill,
        page,
    )


def name_of(incident: Incident) -> str:
    """Return an incident in a few words."""
    code = " ".join(each for each in (incident.severity, incident.scenario) if each)
    return f"{code}: {incident.title}"


def _handles(ways: Iterable[str]) -> list[str]:
    return [way for way in ways if way.startswith("@")]


def _evidence(incident: Incident) -> list[str]:
    """Return the last things that say what is wrong: alerts and diagnoses."""
    kinds = {Kind.ALERTED, Kind.DIAGNOSED}
    return [sentence(event) for event in incident.events if event.kind in kinds][-5:]


def is_last(runbook: Runbook, call: Call) -> bool:
    """Whether executives and customers are to hear: the last tier of several."""
    tiers = tiers_of(runbook)
    return len(tiers) > 1 and call.tier == len(tiers) - 1
