"""Log lines for machines and people: JSON, one event a line, on standard error.

`event` is a fixed text that alerts can rely on; everything that varies is a field beside it. No
line holds the text of a question or a document, and none a secret: an exception is logged as its
type and the places it passed, and with its message only where the message is known to be ours.
"""

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from info_assistant.errors import InfoAssistantError

LEVELS: Mapping[str, int] = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
}
"""The values of LOG_LEVEL."""

# These libraries log every request at INFO; our own request line says it once.
_TALKATIVE = ("httpx", "httpx2", "httpcore", "httpcore2", "uvicorn.access", "multipart")
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_DEEPEST_FRAMES = 20
_LONGEST_MESSAGE = 500


def configure_logging(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send the log lines of this process, and of the libraries in it, as JSON to `stream`.

    `stream` is standard error unless given. Called once by each process, and again by tests.
    """
    target = stream if stream is not None else sys.stderr
    threshold = LEVELS[level]
    shared: list[Processor] = [
        _name_request,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _describe_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _adopt_standard_logging(threshold, target, shared)


def get_logger(component: str) -> FilteringBoundLogger:
    """Return a logger whose lines carry the name of the component they come from."""
    logger: FilteringBoundLogger = structlog.get_logger(component=component)
    return logger


def bind_request(request_id: str) -> None:
    """Let every later line of this request carry its id."""
    _request_id.set(request_id)


def unbind_request() -> None:
    """End what `bind_request` began."""
    _request_id.set("")


def _adopt_standard_logging(threshold: int, target: TextIO, shared: list[Processor]) -> None:
    """Let libraries that use the standard library's logging speak JSON too."""
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)


def _name_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request_id = _request_id.get()
    if request_id:
        event.setdefault("request_id", request_id)
    return event


def _describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type, our own message, and the places it passed."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["exception"] = describe(given)
    return event


@cache
def _module(filename: str) -> str:
    """Return a file's name below the folder it is imported from, which says nothing and is long.

    The same few files fail again and again while something is down.
    """
    folders = [f"{each}{os.sep}" for each in sys.path if each]
    return min((filename.removeprefix(each) for each in folders), key=len, default=filename)


def describe(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an exception, its causes included.

    Messages of foreign exceptions often quote their input, so only those of our own errors and of
    the operating system are kept.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_DEEPEST_FRAMES:]
    described: dict[str, Any] = {
        "type": type(error).__qualname__,
        "at": [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, (InfoAssistantError, OSError)):
        described["message"] = str(error)[:_LONGEST_MESSAGE]
    if isinstance(error, BaseExceptionGroup):
        described["errors"] = [describe(inner) for inner in error.exceptions[:5]]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = {"type": type(cause).__qualname__}
        if isinstance(cause, OSError):
            described["cause"]["message"] = str(cause)[:_LONGEST_MESSAGE]
    return described
