"""Questions whose answers are under way: read to their end, so that a reload loses nothing."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import structlog

from info_assistant.errors import InfoAssistantError
from info_assistant.web.backend import Underway
from info_assistant.web.visits import Visit

_log = structlog.get_logger(__name__)

MOST_KEPT = 500
"""How many questions are remembered; the oldest go first."""

_LONGEST_S = 120.0


@dataclass(slots=True)
class Asked:
    """A question, its conversation, and who asked it. `following` ends when it is stopped."""

    question: str
    conversation: str
    visit: Visit
    following: asyncio.Timeout | None = field(default=None, repr=False)

    def is_of(self, visit: Visit) -> bool:
        """Whether `visit` is by who asked."""
        return _person(self.visit) == _person(visit)


class AskedQuestions:
    """The newest questions of this process.

    The backend goes on with an answer only while somebody reads it. That is this process and not
    the browser, which may leave and come back.
    """

    def __init__(self) -> None:
        """Know none yet."""
        self._known: OrderedDict[str, Asked] = OrderedDict()

    def remember(self, answer_id: str, asked: Asked) -> None:
        """Know what was asked under the id of its answer."""
        self._known[answer_id] = asked
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)

    def find(self, answer_id: str, visit: Visit) -> Asked | None:
        """Return what the visitor asked under this id, if it was here."""
        asked = self._known.get(answer_id)
        return asked if asked is not None and asked.is_of(visit) else None

    async def follow(self, underway: Underway) -> None:
        """Read an answer to its end, or until it is stopped; its page asks the backend itself."""
        asked = self._known.get(underway.id)
        try:
            async with asyncio.timeout(_LONGEST_S) as scope:
                if asked is not None:
                    asked.following = scope
                await underway.read_to_end()
        except (InfoAssistantError, TimeoutError) as exc:
            _log.info("answer_not_read_to_its_end", answer_id=underway.id, error=type(exc).__name__)
        finally:
            await underway.aclose()
            if asked is not None:
                asked.following = None

    def stop(self, answer_id: str, visit: Visit) -> bool:
        """Stop an answer of the visitor's; return whether it was under way here."""
        asked = self.find(answer_id, visit)
        if asked is None or asked.following is None:
            return False
        asked.following.reschedule(asyncio.get_running_loop().time())
        return True


def _person(visit: Visit) -> tuple[str, str]:
    """Return what tells people apart; everybody is the same where nobody signs in."""
    session = visit.session
    return (session.subject, session.organisation) if session else ("", "")
