"""The steps of a document's way that a crash may fall into, told at their begin and at their end.

At LOG_LEVEL=DEBUG each is two lines, `Step begun` and `Step ended`; a process that was killed in
between has left the first alone. Fault suites aim by these lines, and people on call see by them
where a process was when it died.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
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


Shown = Callable[[str, Mapping[str, str | int]], AbstractContextManager[None]]

_shown_to: list[Shown] = []


def show_steps(shown: Shown) -> None:
    """Make a span of each later step of this process; called once, at its start, if at all."""
    _shown_to[:] = [shown]


@contextmanager
def step(name: Step, **fields: str | int) -> Iterator[None]:
    """Tell that the body begins and, whatever it raises, that it has ended."""
    _log.debug("Step begun", step=name.value, **fields)
    try:
        if not _shown_to:
            yield
            return
        with _shown_to[0](name.value, fields):
            yield
    finally:
        _log.debug("Step ended", step=name.value, **fields)
