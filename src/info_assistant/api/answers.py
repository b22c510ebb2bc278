"""JSON answers written in one step, past the framework's second look at each value.

What is given again is written once, but for its id and its times.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import BaseModel
from starlette.responses import Response

from info_assistant.api.wire import answer_fields
from info_assistant.model.answer import Answer, common_to
from info_assistant.model.json_bytes import json_bytes
from info_assistant.resilience.same_objects import SameObjects

COST_HEADER = b"x-request-cost"
"""What a whole answer cost in US dollars; of a stream the last event says it."""

AGE_HEADER = b"age"
"""How many seconds ago a whole answer was first given."""


def json_answer(body: BaseModel, status: int = 200) -> Response:
    """Return `body` as JSON. It was checked when it was built, and `wire` documents its shape."""
    return Response(body.model_dump_json(), status, media_type="application/json")


def written_answer(answer: Answer, *, with_text: bool) -> bytes:
    """Return an answer as it travels, as `wire.AnswerBody` documents it."""
    return json_bytes(answer_fields(answer, with_text=with_text))


CACHE_HEADER = b"x-cache"
"""Whether a whole answer was given before (hit) or not (miss), or nobody could look (off)."""


class AnswerWriter:
    """Writes answers; those given again share their parts with what was written before."""

    def __init__(self) -> None:
        """Begin with none."""
        self._written: SameObjects[_Written] = SameObjects(_MOST)

    def body(self, answer: Answer, *, with_text: bool) -> bytes:
        """Return an answer as it travels."""
        parts, common = (answer.sentences, answer.citations, answer.see_also), common_to(answer)
        written = self._written.get(with_text, *parts)
        if written is None or written.common != common:
            bare = replace(answer, id="", timings_ms={})
            before, after = written_answer(bare, with_text=with_text).split(_TIMES, 1)
            written = _Written(common, before.removeprefix(_NO_ID), after)
            self._written.note(written, with_text, *parts)
        times = json_bytes(answer.timings_ms)
        return b'{"id":"%b"%b"timings_ms":%b%b' % (
            answer.id.encode(),
            written.before,
            times,
            written.after,
        )


_MOST = 500
_NO_ID, _TIMES = b'{"id":""', b'"timings_ms":{}'


@dataclass(frozen=True, slots=True)
class _Written:
    """An answer's bytes before and after its times, without its id; `common` is what they say."""

    common: object
    before: bytes
    after: bytes


class _WrittenAnswer(Response):
    """An answer that is bytes already, without the steps that the framework takes to be sure."""

    def __init__(self, body: bytes, answer: Answer) -> None:
        """Take the answer's bytes, and the answer for its headers."""
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = answer_headers(body, answer)


def answer_headers(body: bytes, answer: Answer) -> list[tuple[bytes, bytes]]:
    """Return all headers of a whole answer that travels as `body`."""
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *facts_of(answer),
    ]


def facts_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    """Return what headers say of a whole answer: its cost, and where it came from."""
    headers = [
        (COST_HEADER, b"%.6f" % (answer.usage.micro_usd / 1_000_000)),
        (CACHE_HEADER, answer.served_by.cache.encode("ascii")),
    ]
    if answer.given_at is not None:
        age_s = (datetime.now(UTC) - answer.given_at).total_seconds()
        headers.append((AGE_HEADER, b"%d" % max(0.0, age_s)))
    return headers


def whole_answer(answer: Answer, *, with_text: bool = False) -> Response:
    """Return the response of a whole answer, with what its headers say."""
    return _WrittenAnswer(written_answer(answer, with_text=with_text), answer)


def with_facts(response: Response, answer: Answer) -> Response:
    """Return the response of a whole answer with what its headers say."""
    response.raw_headers += facts_of(answer)
    return response
