"""Questions under an `Idempotency-Key`: sent again, they get the answer that was given.

A key is claimed together with the id of the answer to be. The answer itself is kept nowhere else
than in its record, from which it is given again as far as its asker may see it at that moment.
"""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.answering.recall import events_of
from info_assistant.api.answers import with_facts, written_answer
from info_assistant.api.asking import Asker
from info_assistant.api.recorded import each_of, record_for, told_again, visible_record
from info_assistant.api.requests import caller_of, headers_of
from info_assistant.api.services import ApiServices
from info_assistant.errors import AnswerUnderWay, NotFound, ObjectStorageUnavailable
from info_assistant.model.answer import Answer, AnswerUsage
from info_assistant.model.ids import milliseconds_of
from info_assistant.model.question import Question

KEY_HEADER = "Idempotency-Key"
KEY = KEY_HEADER.lower().encode("ascii")
REPLAYED = {"Idempotent-Replayed": "true"}

KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Any text of your own: the same question with the same key gets the same answer "
    "and costs nothing, for a day at least; another question with it is refused.",
}
"""How the API's description has the header."""

_AGAIN_S = 2.0


class AskedOnce:
    """Knows which questions were asked before under their keys."""

    def __init__(self, services: ApiServices, asker: Asker) -> None:
        """Ask `asker` what is under way here."""
        self._services = services
        self._asker = asker
        self._here = uuid4().hex
        self._claiming: set[str] = set()

    async def earlier(
        self, request: Request, asked: BaseModel, question: Question
    ) -> tuple[Question, Answer | None]:
        """Return the question under the id that its key has, and the answer that was given to it.

        Without a key, or while object storage is down, it is a question like any other. Raises
        InvalidRequest for a key that is none or was used for another request, AnswerUnderWay.
        """
        key, repeats = headers_of(request).get(KEY), self._services.repeats
        if key is None or repeats is None:
            return question, None
        body = json.dumps([request.url.path, asked.model_dump(mode="json")], sort_keys=True)
        digest = hashlib.sha256(body.encode()).hexdigest()
        about = {"answer": question.id, "by": self._here}
        self._claiming.add(question.id)
        try:
            claim = await repeats.begin(caller_of(request), key.decode("latin-1"), digest, about)
        except ObjectStorageUnavailable:
            # Answers go on then, and this one is not known again.
            return question, None
        finally:
            self._claiming.discard(question.id)
        if not claim.again:
            return question, None
        question = replace(question, id=claim.about.get("answer", question.id))
        return question, await self._given(request, question, by=claim.about.get("by", ""))

    def again(self, request: Request, answer: Answer, *, streamed: bool) -> Response:
        """Return an answer that was given before, whole or as a stream."""
        reply: Response
        if streamed:
            reply = told_again(self._services, request, answer.id, each_of(events_of(answer)))
        else:
            body = Response(written_answer(answer, with_text=False), media_type="application/json")
            reply = with_facts(body, replace(answer, usage=AnswerUsage()))
        reply.headers.update(REPLAYED)
        return reply

    async def _given(self, request: Request, question: Question, *, by: str) -> Answer | None:
        """Return the answer as it may be seen now; None if the question ended without one."""
        try:
            record = await record_for(self._services, caller_of(request), question.id)
        except NotFound:
            here = question.id in self._claiming or self._asker.is_under_way(question.id)
            # Of what another process does nothing is known but when it began.
            if here or (by != self._here and self._young(question)):
                raise AnswerUnderWay(
                    "This question was asked under the same `Idempotency-Key` a moment ago, and "
                    "its answer is not finished yet. Please send the request again in a moment.",
                    retry_after_s=_AGAIN_S,
                ) from None
            return None
        record, _ = await visible_record(self._services, question.caller.scope, record)
        return record.answer

    def _young(self, question: Question) -> bool:
        """Whether the answer could still be on its way."""
        age_s = datetime.now(UTC).timestamp() - milliseconds_of(question.id) / 1000
        return abs(age_s) < 2 * self._services.limits.request_s
