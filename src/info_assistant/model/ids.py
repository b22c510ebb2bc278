"""Ids that sort by time: UUIDv7 (RFC 9562, section 5.7).

The first 48 bits are the milliseconds since 1970, the next 12 count within a millisecond, so that
ids of one process ascend in the order in which they were made; the rest is random.
"""

import os
import re
import threading
import time
from datetime import UTC, datetime

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Every id sorts before this one."""

_COUNTER_BITS = 12
_RANDOM_BITS = 62
_VERSION = 7 << 76
_VARIANT = 0b10 << 62

# Several are made and read for each question, and going through `uuid.UUID` takes thrice as long.
_ID = re.compile(r"(?i)([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_lock = threading.Lock()
_last = 0
_random = b""
_RANDOM_BLOCK = 4096


def random_bits(bits: int) -> int:
    """Return a random number of `bits` bits, which nobody can guess.

    The system is asked for many at once: where it answers slowly, each call would be felt.
    """
    with _lock:
        return _drawn(bits)


def new_id() -> str:
    """Return a new id, greater than every other that this process has made."""
    global _last  # noqa: PLW0603  What must ascend in a whole process belongs to the process.
    with _lock:
        # Where a millisecond's 4096 ids are used up, or the clock is set back, the count runs on
        # into the milliseconds after it.
        _last = max(_last + 1, time.time_ns() // 1_000_000 << _COUNTER_BITS)
        milliseconds, count = divmod(_last, 1 << _COUNTER_BITS)
        rest = _drawn(_RANDOM_BITS)
    return _id(milliseconds, count, rest)


def first_id_at(milliseconds: int) -> str:
    """Return the smallest id of a millisecond: every earlier record sorts before it."""
    return _id(milliseconds, 0, 0)


def milliseconds_of(value: str) -> int:
    """Return when an id was made, in milliseconds since 1970. Raises ValueError for others."""
    found = _ID.fullmatch(value)
    if found is None:
        raise ValueError("not an id that sorts by time")
    return int(found[1] + found[2], 16)


def moment_of(value: str) -> datetime:
    """Return when an id was made, in UTC. Raises ValueError for others."""
    return datetime.fromtimestamp(milliseconds_of(value) / 1000, UTC)


def _id(milliseconds: int, count: int, rest: int) -> str:
    digits = f"{milliseconds << 80 | _VERSION | count << 64 | _VARIANT | rest:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _drawn(bits: int) -> int:
    """Return random bits out of the block at hand; the caller holds the lock."""
    global _random  # noqa: PLW0603  The same.
    size = (bits + 7) // 8
    if len(_random) < size:
        _random = os.urandom(_RANDOM_BLOCK)
    drawn, _random = _random[:size], _random[size:]
    return int.from_bytes(drawn, "big") >> (size * 8 - bits)


def _forget_random() -> None:
    global _random  # noqa: PLW0603  The same.
    _random = b""


# Two processes must not draw the same numbers.
os.register_at_fork(after_in_child=_forget_random)
