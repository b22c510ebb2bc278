"""Folding spend events into sums: in any order, any number of times each, the sums are the same.

An event is told in lines, a reservation first and an end later, and a line may be met twice, in a
journal and in two segments. The furthest state of an event counts: reserved, unknown, ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from info_assistant.model.spend import ASSUMED, SpendEvent, SpendState, UsageLine

LONGEST_CALL = timedelta(minutes=10)
"""No call takes longer: a reservation that is older and has no end is unknown."""

_Key = tuple[date, str, str]


@dataclass(slots=True)
class _Sum:
    completed: int = 0
    aborted: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    micro_usd: int = 0
    estimated_micro_usd: int = 0
    assumed: bool = False


class SpendFold:
    """The sums of some events: ended ones as sums alone, open ones one by one.

    Of an event that has ended 8 bytes of its id are kept (about 60 bytes of memory).
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sums: dict[_Key, _Sum] = {}
        self._open: dict[str, SpendEvent] = {}
        self._ended: set[int] = set()
        self.micro_usd = 0
        """The whole cost, open calls at their upper bounds."""

    def add(self, event: SpendEvent) -> None:
        """Take a line about an event into account."""
        key = _short(event.id)
        if key in self._ended:
            return
        known = self._open.get(event.id)
        if event.ended:
            self._ended.add(key)
            self._open.pop(event.id, None)
            self._add_ended(event)
        elif known is None or event.state is SpendState.UNKNOWN:
            self._open[event.id] = event
        else:
            return
        self.micro_usd += event.micro_usd - (known.micro_usd if known else 0)

    def lines(self, now: datetime) -> Sequence[UsageLine]:
        """Return the sums by day, provider and model; `now` tells open from dead calls."""
        lines = {
            key: UsageLine(
                *key,
                completed=each.completed,
                aborted=each.aborted,
                input_tokens=each.input_tokens,
                cached_input_tokens=each.cached_input_tokens,
                output_tokens=each.output_tokens,
                micro_usd=each.micro_usd,
                estimated_micro_usd=each.estimated_micro_usd,
                assumed=each.assumed,
            )
            for key, each in self._sums.items()
        }
        for event in self._open.values():
            key = _key(event)
            lines[key] = _with_open(lines.get(key) or UsageLine(*key), event, now)
        return [lines[key] for key in sorted(lines)]

    def _add_ended(self, event: SpendEvent) -> None:
        found = self._sums.setdefault(_key(event), _Sum())
        if event.state is SpendState.COMPLETED:
            found.completed += 1
        else:
            found.aborted += 1
        found.input_tokens += event.usage.input
        found.cached_input_tokens += event.usage.cached_input
        found.output_tokens += event.usage.output
        found.micro_usd += event.micro_usd
        found.estimated_micro_usd += event.micro_usd if event.estimated else 0
        found.assumed = found.assumed or event.prices == ASSUMED


def _with_open(line: UsageLine, event: SpendEvent, now: datetime) -> UsageLine:
    """Return a line with an event that has no end yet, at its upper bound."""
    died = event.state is SpendState.UNKNOWN or now - event.at > LONGEST_CALL
    return UsageLine(
        line.day,
        line.provider,
        line.model,
        completed=line.completed,
        aborted=line.aborted,
        unknown=line.unknown + died,
        open=line.open + (not died),
        input_tokens=line.input_tokens + event.usage.input,
        cached_input_tokens=line.cached_input_tokens,
        output_tokens=line.output_tokens + event.usage.output,
        micro_usd=line.micro_usd + event.micro_usd,
        estimated_micro_usd=line.estimated_micro_usd + event.micro_usd,
        assumed=line.assumed or event.prices == ASSUMED,
    )


def day_of(event: SpendEvent) -> date:
    """Return the day, in UTC, to which an event belongs: that of its beginning."""
    return event.at.astimezone(UTC).date()


def _key(event: SpendEvent) -> _Key:
    return day_of(event), event.provider, event.model


def _short(event_id: str) -> int:
    """Return the random part of an id."""
    return int(event_id.replace("-", "")[-16:], 16)
