"""What is said of a message that is delivered late: what it asserts is looked at anew.

Where a receiver shows one state, old words would be untrue, and a call may have been answered.
Words that tell what happened stay, and say when they were written.
"""

from dataclasses import dataclass, replace

from info_assistant.runbooks.clock import elapsed_s
from info_assistant.runbooks.errors import RecordError
from info_assistant.runbooks.keeping.cadence import interval_s
from info_assistant.runbooks.keeping.composing import call_text, name_of
from info_assistant.runbooks.keeping.escalation import unattended_s
from info_assistant.runbooks.keeping.keeper import Keeper
from info_assistant.runbooks.outbox.messages import Act, Content, Outgoing
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.telling.templates import Clock, drill_marked, stamp

STALE_S = 10.0
"""After so long a state, or that nobody has acknowledged, may not be so any more."""
LATE_S = 60.0
"""After so long a message says when it was written."""

_WORDLESS = frozenset({Act.STATE, Act.PAGE_TAKEN, Act.PAGE_OVER, Act.POSTMORTEM})
"""Acts that show what is so now, have no words, or are documents: no time of writing is said."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Words messages anew with what a keeper of the clock knows."""

    keeper: Keeper

    def wording(self, each: Outgoing) -> Content:
        """Return the words of a message as they are so now."""
        age_s = elapsed_s(each.queued.moment, self.keeper.moment())
        content = each.message.content
        if age_s > STALE_S:
            try:
                content = self._anew(each)
            except RecordError:  # Its runbook is gone: the old words then say how old they are.
                return _dated(each, content)
        late = age_s > LATE_S and each.message.act not in _WORDLESS
        return _dated(each, content) if late else content

    def _anew(self, each: Outgoing) -> Content:
        incident = self.keeper.store.seen(each.message.incident)
        if each.message.act is Act.STATE:
            return self._state(each, incident)
        if each.message.act is Act.PAGE:
            return self._call(each, incident)
        return each.message.content

    def _state(self, each: Outgoing, incident: Incident) -> Content:
        """Return where the incident stands now, with the promise and a person's words of then."""
        keeper = self.keeper
        every_s = interval_s(keeper.runbook(incident.id), incident.scenario)
        clock, text = Clock(each.queued.at, every_s), str(each.queued.data.get("text", ""))
        composer = keeper.composer(incident.id)
        letter = composer.word(keeper.case(incident), clock, "update", each.message.id, text)
        return next(
            (
                other.content
                for other in letter.messages
                if (other.receiver, other.act) == (each.message.receiver, Act.STATE)
            ),
            each.message.content,
        )

    def _call(self, each: Outgoing, incident: Incident) -> Content:
        content = each.message.content
        title = f"{name_of(incident)}: {each.queued.data.get('text', '')}".rstrip(": ")
        waited_s = unattended_s(incident, self.keeper.moment())
        letter = "Letter to customers:" in content.text
        text = call_text(incident, title, waited_s, letter=letter)
        return replace(content, text=drill_marked(text, incident))


def _dated(each: Outgoing, content: Content) -> Content:
    words = f"Written at {stamp(each.queued.at)}, delivered late."
    return replace(content, text=f"{words}\n\n{content.text}")
