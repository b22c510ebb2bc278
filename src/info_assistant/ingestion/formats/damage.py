"""The edge of libraries that fail on a damaged file with whatever error comes first."""

from collections.abc import Iterator
from contextlib import contextmanager

from info_assistant.errors import Unreadable


@contextmanager
def damaged_as(message: str) -> Iterator[None]:
    """Turn any failure inside into Unreadable (corrupt) with `message`.

    Libraries for office formats do not check what they read: a damaged file surfaces as KeyError,
    AttributeError, struct.error or anything else. Running out of memory or nesting too deeply is
    told apart from damage by the process that parses, so these two pass.
    """
    try:
        yield
    except (Unreadable, MemoryError, RecursionError):
        raise
    except Exception as exc:
        raise Unreadable("corrupt", message) from exc
