"""What was seen from outside during a drill, and what can be asked of it."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How a question ended, as its asker saw it."""

    ANSWERED = "answered"
    DEGRADED = "degraded"
    """An answer with less than usual: only quotations, an older answer, notices of degradation."""
    REFUSED = "refused"
    """The service itself said that it cannot: an HTTP status of its own, such as 500, 503, 429."""
    TIMED_OUT = "timed out"
    ERROR = "error"
    """Nobody was reached: no connection, a broken one, or a gateway's 502 or 504."""


class Asked(StrEnum):
    """What the probe asked for."""

    NEW = "new question"
    """A question that nobody has asked before, so that no saved answer is there."""
    KNOWN = "known question"
    """A question that was answered before the fault, so that a saved answer may be there."""
    UPLOAD = "upload"


class Happened(StrEnum):
    """What was done, to the service or about it."""

    FAULT = "fault"
    """`what` begins with the part: qdrant, redis, openai, anthropic, backend, frontend."""
    MENDED = "mended"
    """The fault of the same `what` is taken away."""
    ACTION = "action"
    """Somebody changed or looked at something; `what` is the command."""
    ACKNOWLEDGED = "acknowledged"
    HANDED_OVER = "handed over"


@dataclass(frozen=True, slots=True)
class Sample:
    """A request of the probe: when it began, how it ended, and after how long."""

    at: datetime
    outcome: Outcome
    latency_s: float
    asked: Asked = Asked.NEW
    saved: bool = False
    """Whether it was a saved answer, by its own word."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that was done at a time."""

    at: datetime
    kind: Happened
    what: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody was told: title and text, one below the other."""

    at: datetime
    """When it reached them; of a line that tells itself when it was written, that moment."""
    receiver: str
    text: str


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far words and what was seen may be apart."""

    state_s: float = 10.0
    """A state counts where the probe saw it so long before or after a message."""
    stamp_s: float = 60.0
    """Times in words have no seconds."""
    began_s: float = 180.0
    """A beginning is told as it was noticed, by an alert or a person, not as it was made."""
    in_a_row: int = 3
    """So many samples one after the other make a state; one alone may be chance."""
    slower: float = 1.5
    """Slower is by this factor, and by `slower_by_s` at least, than the median before."""
    slower_by_s: float = 0.02


SERVED = frozenset({Outcome.ANSWERED, Outcome.DEGRADED})
UNREACHED = frozenset({Outcome.TIMED_OUT, Outcome.ERROR})
FAILED = UNREACHED | {Outcome.REFUSED}
QUESTIONS = (Asked.NEW, Asked.KNOWN)

Fits = Callable[[Sample], bool]


@dataclass(slots=True)
class Seen:
    """Everything of one drill. Answers are None where nothing was seen that could tell."""

    samples: Sequence[Sample]
    happenings: Sequence[Happening]
    messages: Sequence[Message]
    tolerance: Tolerance = field(default_factory=Tolerance)
    usual_s: Mapping[Asked, float] = field(init=False)
    """How long an answer took before the first fault, in seconds: the median, where known."""
    usually_saved: frozenset[Asked] = field(init=False)
    """Which questions mostly had saved answers before the first fault."""

    def __post_init__(self) -> None:
        """Put everything in the order of its time."""
        self.samples = sorted(self.samples, key=lambda each: each.at)
        self.happenings = sorted(self.happenings, key=lambda each: each.at)
        self.messages = sorted(self.messages, key=lambda each: each.at)
        before = dict(self._before())
        self.usual_s = {
            asked: statistics.median(each.latency_s for each in samples)
            for asked, samples in before.items()
        }
        self.usually_saved = frozenset(
            asked
            for asked, samples in before.items()
            if 2 * sum(each.saved for each in samples) > len(samples)
        )

    @property
    def began(self) -> datetime | None:
        """When the first fault was made."""
        return next((each.at for each in self.happenings if each.kind is Happened.FAULT), None)

    @property
    def ended(self) -> datetime | None:
        """When the last thing was seen."""
        last = [group[-1].at for group in (self.samples, self.messages) if group]
        return max(last, default=None)

    def sustained(self, at: datetime, fits: Fits, *asked: Asked) -> bool | None:
        """Whether some samples in a row fit, around a moment."""
        near = timedelta(seconds=self.tolerance.state_s)
        return self.ever(at - near, at + near, fits, *asked)

    def ever(self, begin: datetime, end: datetime, fits: Fits, *asked: Asked) -> bool | None:
        """Whether some samples in a row fit, at some time between two moments."""
        chosen = asked or QUESTIONS
        window = [
            fits(each)
            for each in self.samples
            if each.asked in chosen
            and each.at <= end
            and each.at + timedelta(seconds=each.latency_s) >= begin
        ]
        if not window:
            return None
        needed = min(self.tolerance.in_a_row, len(window))
        return any(all(window[n : n + needed]) for n in range(len(window) - needed + 1))

    def outcome(self, at: datetime, outcomes: frozenset[Outcome], *asked: Asked) -> bool | None:
        """Whether questions ended in one of these ways, around a moment."""
        return self.sustained(at, lambda each: each.outcome in outcomes, *asked)

    def slow(self, sample: Sample) -> bool:
        """Whether an answer took longer than before."""
        usual = self.usual_s.get(sample.asked)
        if usual is None or sample.outcome not in SERVED:
            return False
        wanted = max(usual * self.tolerance.slower, usual + self.tolerance.slower_by_s)
        return sample.latency_s >= wanted

    def slower(self, at: datetime) -> bool | None:
        """Whether answers to new or to known questions took longer than before."""
        told = [
            self.sustained(at, self.slow, asked) for asked in QUESTIONS if asked in self.usual_s
        ]
        return either(*told)

    def worse(self, sample: Sample) -> bool:
        """Whether it did not go as before."""
        return sample.outcome is not Outcome.ANSWERED or self.slow(sample) or self.anew(sample)

    def anew(self, sample: Sample) -> bool:
        """Whether a question was answered anew that had a saved answer before."""
        return sample.asked in self.usually_saved and sample.outcome in SERVED and not sample.saved

    def since_fault(self, at: datetime, fits: Fits, *asked: Asked) -> bool | None:
        """Whether some samples in a row fit, between the first fault and a moment."""
        begin = self.began
        if begin is None:
            return None
        return self.ever(begin, at + timedelta(seconds=self.tolerance.state_s), fits, *asked)

    def active(self, at: datetime, *parts: str) -> bool | None:
        """Whether a fault of one of these parts lasted, around a moment; by what was done."""
        if self.began is None:
            return None
        near = timedelta(seconds=self.tolerance.state_s)
        mended = {e.what: e.at for e in self.happenings if e.kind is Happened.MENDED}
        return any(
            each.kind is Happened.FAULT
            and each.what.startswith(parts)
            and each.at <= at + near
            and mended.get(each.what, at) >= at - near
            for each in self.happenings
        )

    def done(self, at: datetime, fits: Callable[[str], object]) -> bool:
        """Whether an action whose words fit was taken before a moment."""
        return any(fits(each.what) for each in self._until(at) if each.kind is Happened.ACTION)

    def cared_for(self, at: datetime) -> bool:
        """Whether somebody had acknowledged, and nobody was handed it since."""
        words = [
            each.kind
            for each in self._until(at)
            if each.kind in {Happened.ACKNOWLEDGED, Happened.HANDED_OVER}
        ]
        return bool(words) and words[-1] is Happened.ACKNOWLEDGED

    def recovered(self, until: datetime) -> datetime | None:
        """Return since when all went as before, up to a moment; None where it did not."""
        since = None
        for each in self.samples:
            if each.at > until:
                break
            if each.outcome in FAILED:
                since = None
            elif since is None:
                since = each.at
        return since

    def kept(self, promised: datetime, message: Message) -> bool | None:
        """Whether a further word came to the same receiver by the promised time."""
        latest = promised + timedelta(seconds=self.tolerance.stamp_s + self.tolerance.state_s)
        if any(
            other.receiver == message.receiver and message.at < other.at <= latest
            for other in self.messages
        ):
            return True
        return False if self.ended is not None and self.ended > latest else None

    def _before(self) -> Iterator[tuple[Asked, Sequence[Sample]]]:
        """Yield the answers that were had before the first fault, where there were enough."""
        began = self.began
        for asked in Asked:
            before = [
                each
                for each in self.samples
                if each.asked is asked
                and each.outcome is Outcome.ANSWERED
                and began is not None
                and each.at + timedelta(seconds=each.latency_s) < began
            ]
            if len(before) >= self.tolerance.in_a_row:
                yield asked, before

    def _until(self, at: datetime) -> Iterator[Happening]:
        near = timedelta(seconds=self.tolerance.state_s)
        return (each for each in self.happenings if each.at <= at + near)


def either(*values: bool | None) -> bool | None:
    """Return whether one is so; None where none is known to be, and one is not known."""
    if True in values:
        return True
    return None if None in values or not values else False


def both(*values: bool | None) -> bool | None:
    """Return whether all are so; False where one is known not to be."""
    if False in values:
        return False
    return None if None in values else True


def opposite(value: bool | None) -> bool | None:  # noqa: FBT001  A value, not a choice.
    """Return the opposite of what is known."""
    return None if value is None else not value
