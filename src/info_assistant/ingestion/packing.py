"""Chooses where passages end: the cheapest way to cut a row of statements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from info_assistant.model.reading import BlockKind

_STRETCH = 512
_INSIDE_BLOCK = 0.35
_AFTER_LEAD_IN = 3.0
_AFTER_HEADER = 8.0
_AFTER_HEADING = 12.0
_ABOVE_NESTED = 0.5
_IN_RUN = 0.05
_TWO_TABLES = 1.5


@dataclass(frozen=True, slots=True)
class Unit:
    """A statement with its place in the reading's text and what is known of its surroundings."""

    start: int
    end: int
    words: int
    kind: BlockKind
    first: bool
    last: bool
    table_header: str
    is_header: bool
    quotable: bool
    level: int
    ends_open: bool
    tokens: int = 0


def pack(
    units: Sequence[Unit],
    *,
    target_words: int,
    room: Callable[[Sequence[Unit]], int],
    more: bool = False,
) -> list[list[Unit]]:
    """Cut `units` into passages near `target_words`, each within its room unless it is one unit.

    Every cut has a price: small between blocks, higher inside a paragraph, very high after what
    introduces a list or names a table's columns. The cheapest set of cuts is found exactly, over
    stretches of units so that long tables stay linear; `room` says how many word pieces the
    passages of a stretch may have. With `more`, others follow: those at the end that are to be
    packed together with them are left out.
    """
    packed: list[list[Unit]] = []
    at = 0
    while at < len(units):
        goes_on = at + _STRETCH < len(units)
        if more and not goes_on:
            break
        stretch = list(units[at : at + _STRETCH])
        parts = _cheapest(stretch, target_words, room(stretch))
        if goes_on and len(parts) > 1:
            # The last passage of a stretch may want to go on; the next stretch decides about it.
            parts.pop()
        packed += parts
        at += sum(len(part) for part in parts)
    return packed


def _cheapest(units: list[Unit], target_words: int, max_tokens: int) -> list[list[Unit]]:
    """Return the cheapest cut of `units`, by dynamic programming over where a passage ends."""
    cost = [0.0] + [float("inf")] * len(units)
    previous = [0] * (len(units) + 1)
    breaks = [_price(units[at - 1], units[at]) for at in range(1, len(units))] + [0.0]
    for start in range(len(units)):
        words = tokens = 0
        for end in range(start, len(units)):
            words += units[end].words
            # One more for the line break between units.
            tokens += units[end].tokens + (end > start)
            if end > start and (tokens > max_tokens or words > 2 * target_words):
                break
            total = cost[start] + _size_price(words, target_words) + breaks[end]
            if end > start and units[end].is_header:
                total += _TWO_TABLES
            if total < cost[end + 1]:
                cost[end + 1], previous[end + 1] = total, start
    parts: list[list[Unit]] = []
    end = len(units)
    while end:
        parts.append(units[previous[end] : end])
        end = previous[end]
    return parts[::-1]


def _size_price(words: int, target_words: int) -> float:
    """Return the price of a passage's size; short ones cost more than long ones."""
    deviation = (words - target_words) / target_words
    return deviation * deviation * (2.0 if deviation < 0 else 1.5) + 0.1


def _price(before: Unit, after: Unit) -> float:
    """Return the price of ending a passage between two units."""
    if before.kind is BlockKind.HEADING:
        return _AFTER_HEADING
    if before.is_header:
        return _AFTER_HEADER
    if not before.last or not after.first:
        return _INSIDE_BLOCK
    if before.kind is BlockKind.PARAGRAPH and (before.ends_open or _follows_on(after)):
        return _AFTER_LEAD_IN
    if before.kind is BlockKind.LIST_ITEM and after.kind is BlockKind.LIST_ITEM:
        return _ABOVE_NESTED if after.level > before.level or before.ends_open else _IN_RUN
    return 0.0


def _follows_on(unit: Unit) -> bool:
    return unit.kind in {BlockKind.LIST_ITEM, BlockKind.CODE} or unit.is_header
