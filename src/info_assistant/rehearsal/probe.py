"""The outside probe: asks like a reader, each second, and knows nothing of the inside.

The downtime of a drill is what it has seen, and nothing else.
"""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from info_assistant.drills.wordings import worded

EVERY_S = 1.0
DEADLINE_S = 5.0
"""A reader who waits longer counts as not answered."""

_ANSWERS = {"answered", "partial"}


_FIRST = 1 << 20
"""Where wordings of the probe begin: whoever else looks at the same stage counts from 1."""


class Asked(StrEnum):
    """Which question: one that nobody asked before, or one that was answered before the fault."""

    NEW = "new"
    KNOWN = "known"


class Outcome(StrEnum):
    """What became of a question."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    """HTTP 200, and no answer in it."""
    REFUSED = "refused"
    """An HTTP error, which has a code."""
    SILENT = "silent"
    """Nothing within the deadline."""
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Sample:
    """One question: when it was asked (seconds since 1970), for how long, and what became of it."""

    at: float
    seconds: float
    asked: Asked
    outcome: Outcome
    code: str = ""
    """The stable code of a problem, the status of an answer that is none, or what is degraded."""
    saved: bool = False
    """Whether it was a saved answer, by its own word."""

    @property
    def good(self) -> bool:
        """Whether the reader had an answer."""
        return self.outcome is Outcome.ANSWERED


def outages(samples: Iterable[Sample], until: float | None = None) -> list[tuple[float, float]]:
    """Return from when until when nobody was answered, as far as these samples tell.

    A sample stands for the time until the next one was asked; the last for its own, or `until`.
    """
    told = sorted(samples, key=lambda each: each.at)
    found: list[tuple[float, float]] = []
    for number, each in enumerate(told):
        if number + 1 < len(told):
            end = told[number + 1].at
        else:
            end = max(each.at + each.seconds, until or 0.0)
        if each.good:
            continue
        if found and found[-1][1] == each.at:
            found[-1] = (found[-1][0], end)
        else:
            found.append((each.at, end))
    return found


def downtime_s(samples: Iterable[Sample], until: float | None = None) -> float:
    """Return for how many seconds nobody was answered, as far as these samples tell."""
    return sum(end - begin for begin, end in outages(samples, until))


class Probe:
    """Asks a question each second from a thread of its own, until it is closed."""

    def __init__(self, url: str, question: str, asked: Asked, *, every_s: float = EVERY_S) -> None:
        """Ask at `url`; a new question is the same one for another case each time."""
        self._every_s = every_s
        self._url = f"{url.rstrip('/')}/v1/query"
        self._question = question
        self._asked = asked
        self._samples: list[Sample] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._began = time.time() - time.monotonic()  # So that no jump of the clock is downtime.
        self._thread = threading.Thread(target=self._run, name=f"probe-{asked}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop asking."""
        self._over.set()
        self._thread.join(DEADLINE_S + 1)

    @property
    def samples(self) -> Sequence[Sample]:
        """What it has seen so far."""
        with self._lock:
            return tuple(self._samples)

    def now(self) -> float:
        """Return this moment on the probe's clock, in seconds since 1970."""
        return self._began + time.monotonic()

    def good_in_a_row(self, after: float = 0.0) -> int:
        """Return how many of the last questions were answered one after the other, since then."""
        count = 0
        for each in reversed(self.samples):
            if not each.good or each.at < after:
                break
            count += 1
        return count

    def _run(self) -> None:
        due = time.monotonic()
        number = 0
        while not self._over.wait(max(0.0, due - time.monotonic())):
            number += 1
            due = max(due + self._every_s, time.monotonic())
            words = self._question
            if self._asked is Asked.NEW:
                words = worded(words, _FIRST + number)
            found = self._ask(words)
            with self._lock:
                self._samples.append(found)

    def _ask(self, words: str) -> Sample:
        at = self.now()
        found = _asked(self._url, words)
        seconds = self.now() - at
        if seconds > DEADLINE_S and found.outcome is Outcome.ANSWERED:
            found = _Reply(Outcome.SILENT, "late")
        return Sample(at, seconds, self._asked, found.outcome, found.code, found.saved)


@dataclass(frozen=True, slots=True)
class _Reply:
    """The fields of a sample that one reply tells."""

    outcome: Outcome
    code: str = ""
    saved: bool = False


def _asked(url: str, words: str) -> _Reply:
    request = urllib.request.Request(  # noqa: S310  Of the drill's own stage.
        url,
        data=json.dumps({"question": words}).encode(),
        headers={"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:  # noqa: S310
            return _of_answer(json.loads(reply.read()))
    except urllib.error.HTTPError as error:
        with error:
            return _Reply(Outcome.REFUSED, _code(error))
    except TimeoutError:
        return _Reply(Outcome.SILENT)
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        silent = isinstance(reason, TimeoutError)
        return _Reply(Outcome.SILENT if silent else Outcome.UNREACHABLE)


def _of_answer(body: Mapping[str, Any]) -> _Reply:
    status = str(body.get("status"))
    if status not in _ANSWERS:
        return _Reply(Outcome.UNANSWERED, status)
    degraded = ", ".join(str(each) for each in body.get("degraded") or ())
    saved = (body.get("served_by") or {}).get("cache") == "hit"
    return _Reply(Outcome.ANSWERED, degraded, saved)


def _code(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["code"])
    except (OSError, ValueError, LookupError, TypeError):
        return f"http_{error.code}"
