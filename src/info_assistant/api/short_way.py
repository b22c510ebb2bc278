"""The short way of a question that was answered before: past the framework, and past all queues.

It takes no place among the questions being served and needs none: nothing is looked for, written or
waited for, but that record and audit event are safe. Whatever is unusual about a request goes the
long way, which also says what is wrong with it.
"""

from pydantic import ValidationError

from info_assistant.api.answers import AnswerWriter, answer_headers
from info_assistant.api.auditing import describe_target
from info_assistant.api.exchange import Exchange
from info_assistant.api.once import KEY
from info_assistant.api.routes.questions import question_of
from info_assistant.api.services import Pipeline
from info_assistant.api.streams import wants_stream
from info_assistant.api.wire import QueryRequest

_JSON = b"application/json"


class ShortWay:
    """Answers what was answered before."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Ask `pipeline` what it knows."""
        self._pipeline = pipeline
        self._writer = AnswerWriter()

    async def answered(self, exchange: Exchange) -> bool:
        """Answer the question of a request, whose body is kept; return whether that was possible.

        Raises what sending the answer raises.
        """
        stated = exchange.headers.get(b"content-type")
        if not self._pipeline.remembers or stated != _JSON:
            return False
        if wants_stream(exchange.headers) or exchange.headers.get(KEY):
            return False
        try:
            asked = QueryRequest.model_validate_json(exchange.kept_body)
        except ValidationError:
            return False
        caller = exchange.scope["state"]["caller"]
        given = await self._pipeline.known(question_of(asked, caller))
        if given is None:
            return False
        describe_target(exchange.scope, given.answer.id)
        body = self._writer.body(given.answer, with_text="passages" in asked.include)
        headers = answer_headers(body, given.answer)
        try:
            await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
        finally:
            await given.kept
        await exchange.send({"type": "http.response.body", "body": body, "more_body": False})
        return True
