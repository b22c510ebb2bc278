"""Log lines: JSON, one event a line, and nothing in them that people wrote or keep secret."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
import structlog

from info_assistant.errors import VectorStoreUnavailable
from info_assistant.observability.log import (
    bind_request,
    configure_logging,
    describe,
    get_logger,
    unbind_request,
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return a stream that takes this process's log for the time of the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    target = io.StringIO()
    # Another test may have left warnings caught, in a way that ended with it.
    logging.captureWarnings(capture=False)
    configure_logging("INFO", target)
    yield target
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the log lines as objects; each line must be one."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_json_with_exact_event(stream: io.StringIO) -> None:
    """The event's text stands alone in `event`; what varies is beside it."""
    get_logger("qdrant").warning("Qdrant connection error", url="http://127.0.0.1:6333")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "Qdrant connection error",
        "level": "warning",
        "component": "qdrant",
        "url": "http://127.0.0.1:6333",
    }


def test_lines_of_a_request_carry_its_id(stream: io.StringIO) -> None:
    """Between bind and unbind every line names the request."""
    bind_request("r-1")
    get_logger("x").info("Inside")
    unbind_request()
    get_logger("x").info("Outside")
    inside, outside = lines(stream)
    assert inside["request_id"] == "r-1"
    assert "request_id" not in outside


def test_level_is_kept(stream: io.StringIO) -> None:
    """What is less important than LOG_LEVEL is not written."""
    get_logger("x").debug("Detail")
    assert lines(stream) == []


def test_exception_tells_places_and_no_input(stream: io.StringIO) -> None:
    """A foreign exception's message can quote its input, so it is left out; ours is kept."""

    class Model(pydantic.BaseModel):
        number: int

    def invalid() -> object:
        return Model.model_validate({"number": "what the person asked"})

    def missing() -> object:
        return dict[str, str]()["what the person asked"]

    def ours() -> object:
        raise VectorStoreUnavailable("Qdrant does not answer.") from cause

    cause: Exception | None = None
    for raising in (invalid, missing):
        try:
            raising()
        except (pydantic.ValidationError, KeyError) as error:
            cause = error
            get_logger("x").exception("Unexpected error")
    try:
        ours()
    except VectorStoreUnavailable:
        get_logger("x").exception("Qdrant connection error")
    written = lines(stream)
    assert "what the person asked" not in stream.getvalue()
    assert written[0]["exception"]["type"] == "ValidationError"
    assert any("test_log.py" in place for place in written[1]["exception"]["at"])
    assert written[2]["exception"]["message"] == "Qdrant does not answer."
    assert written[2]["exception"]["cause"] == {"type": "KeyError"}


def test_places_are_named_below_the_folder_of_imports() -> None:
    """Where things are installed says nothing, and would be a third of each line."""
    with pytest.raises(ValueError, match="Expecting") as raised:
        json.loads("{")
    assert describe(raised.value)["at"][-1].startswith("json/decoder.py:")


def test_libraries_speak_json_too(stream: io.StringIO) -> None:
    """Lines of the standard library's logging and warnings come in the same form."""
    logging.getLogger("uvicorn.error").info("Started on\nport %d", 8000)
    logging.getLogger("httpx2").info("GET http://127.0.0.1/secret")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("Old", stacklevel=1)
    events = [line["event"] for line in lines(stream)]
    assert events[0] == "Started on\nport 8000"
    assert "Old" in events[1]
    assert len(events) == 2
