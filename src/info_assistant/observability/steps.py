"""The steps of a document's way that a crash may fall into, told at their begin and at their end.

At LOG_LEVEL=DEBUG each is two lines, `Step begun` and `Step ended`; a process that was killed in
between has left the first alone. Fault suites aim by these lines, and people on call see by them
where a process was when it died.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from info_assistant.observability.log import get_logger

_log = get_logger("steps")


class Step(StrEnum):
    """What can be interrupted."""

    OBJECT_PUT = "object put"
    CATALOGUE_PUT = "catalogue put"
    READING = "reading"
    INDEX_BATCH = "index batch"
    VERSION_SWAP = "version swap"
    DELETE = "delete"


@contextmanager
def step(name: Step, **fields: str | int) -> Iterator[None]:
    """Tell that the body begins and, whatever it raises, that it has ended."""
    _log.debug("Step begun", step=name.value, **fields)
    try:
        yield
    finally:
        _log.debug("Step ended", step=name.value, **fields)
