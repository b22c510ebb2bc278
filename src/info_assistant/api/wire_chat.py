"""Chat completions as OpenAI's API has them, for clients that speak nothing else.

The sources travel twice, so that no client loses them: as footnotes in the text, and as
`citations` beside it, in the shape that our own API has.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from info_assistant.api.problems import problem_of
from info_assistant.api.wire import CitationBody, Wire, citation_body
from info_assistant.errors import InvalidRequest
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Citation,
    Support,
)
from info_assistant.model.conversation import Turn
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    AnswerReset,
    SentenceReleased,
    SourcesFound,
)

MODEL = "info-assistant"
"""The one model that /v1/models names; any other name is taken for it."""

MOST_TURNS = 20
"""Earlier messages that are taken into account, from the newest back."""

_LONGEST_TURN = 8000
_SEE_ALSO = 3
_BETWEEN = "\n\n"
_VOID = (
    "\n\n---\n\nWhat is written above could not be finished and is void. The answer begins anew:"
    "\n\n"
)
_WORDS = {
    AnswerStatus.NO_EVIDENCE: "The documents hold no answer to this question.",
    AnswerStatus.NOT_SUPPORTED: "An answer was written, but the documents do not support it, so it "
    "is not shown.",
    AnswerStatus.CLARIFICATION: "Please say more exactly what you would like to know.",
    AnswerStatus.REFUSED_INPUT: "This question is not answered here.",
    AnswerStatus.REFUSED_OUTPUT: "The service that writes answers refused to answer this question.",
}
_QUOTED = "No language model wrote this answer, so the documents are quoted word for word."
_REFUSED = frozenset({AnswerStatus.REFUSED_INPUT, AnswerStatus.REFUSED_OUTPUT})
_FILTERED = "content_filtered"


class Lenient(BaseModel):
    """A shape on its way in whose other members are OpenAI's, and mean nothing here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ChatPart(Lenient):
    """A part of a message; only text is read."""

    type: str
    text: Annotated[str, Field(max_length=100_000)] = ""


class ChatMessage(Lenient):
    """A message. Those of `system`, `developer` and `tool` are not read: the rules are ours."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, Field(max_length=100_000)] | list[ChatPart] | None = None

    @property
    def words(self) -> str:
        """The text of the message."""
        if isinstance(self.content, list):
            return "\n".join(each.text for each in self.content if each.type == "text")
        return self.content or ""


class ChatStreamOptions(Lenient):
    """What a stream ends with."""

    include_usage: bool = False


class ChatRequest(Lenient):
    """A chat; the last message is the question. Sampling and tools are accepted and ignored.

    Messages that are not read may stand after it, as some clients put their rules last.
    """

    model: Annotated[str, Field(max_length=200)] = MODEL
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    stream: bool | None = False
    stream_options: ChatStreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = 1

    def question(self) -> str:
        """Return the last message. Raises InvalidRequest if it is no question."""
        said = self._said()
        if not said or said[-1].role != "user" or not said[-1].words.strip():
            raise InvalidRequest("The last message must be a question: role `user`, with text.")
        return said[-1].words

    def history(self) -> tuple[Turn, ...]:
        """Return the turns before the question, as far as they are read."""
        turns = []
        for each in self._said()[:-1]:
            if each.words.strip():
                role: Literal["user", "assistant"] = "user" if each.role == "user" else "assistant"
                turns.append(Turn(role, each.words[:_LONGEST_TURN]))
        return tuple(turns[-MOST_TURNS:])

    def _said(self) -> list[ChatMessage]:
        return [each for each in self.messages if each.role in {"user", "assistant"}]

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk about tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatReply(Wire):
    """What the assistant says."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(Wire):
    """The one choice that there is."""

    index: int = 0
    message: ChatReply
    logprobs: None = None
    finish_reason: Literal["stop", "content_filter"]


class ChatUsage(Wire):
    """Tokens that models took; 0 where the documents were quoted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(Wire):
    """A whole answer. From `citations` on the members are ours."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    citations: list[CitationBody]
    see_also: list[CitationBody]
    status: AnswerStatus
    answer_id: str
    degraded: list[str]
    notices: list[str]
    cost_usd: float


class ModelBody(Wire):
    """A model that can be named in a request."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "pubsec-info-assistant"


class ModelsBody(Wire):
    """The models that can be named."""

    object: Literal["list"] = "list"
    data: list[ModelBody]


def chat_completion(answer: Answer, model: str) -> ChatCompletion:
    """Return a whole answer as a chat completion."""
    said = _BETWEEN.join(map(_marked, answer.sentences))
    return ChatCompletion(
        id=_id(answer.id),
        created=_now(),
        model=model,
        choices=[
            ChatChoice(
                message=ChatReply(content=said + "".join(_closing(answer))),
                finish_reason=_finish_reason(answer),
            )
        ],
        usage=_usage(answer),
        citations=_citations(answer.citations),
        see_also=_citations(answer.see_also),
        status=answer.status,
        answer_id=answer.id,
        degraded=list(answer.degraded),
        notices=list(answer.notices),
        cost_usd=answer.usage.micro_usd / 1_000_000,
    )


class ChatChunks:
    """Writes the events of one answer as chunks of a chat completion."""

    def __init__(self, answer_id: str, asked: ChatRequest, request_id: str) -> None:
        """Begin with nothing said."""
        self._asked = asked
        self._request_id = request_id
        self._answer_id = answer_id
        self._created = _now()
        self._said = 0

    def event(self, number: int, event: AnswerEvent) -> bytes:  # noqa: ARG002  Chunks have none.
        """Return the chunks of an event; none where it says nothing."""
        match event:
            case SourcesFound():
                return self._chunk({"role": "assistant", "content": ""})
            case SentenceReleased(sentence):
                before = _BETWEEN if self._said else ""
                self._said += 1
                return self._chunk({"content": before + _marked(sentence)})
            case AnswerReset():
                # What was sent cannot be taken back here, so it is said in words.
                self._said = 0
                return self._chunk({"content": _VOID})
            case AnswerFinished(answer):
                return b"".join(self._closing(answer))
        return b""

    def failure(self, number: int, error: Exception) -> bytes:  # noqa: ARG002  Chunks have none.
        """Return the error as clients of OpenAI's API know it."""
        return _data(problem_of(error).in_openai_terms().body(self._request_id))

    def end(self) -> bytes:
        """Return the mark of the end."""
        return b"data: [DONE]\n\n"

    def _closing(self, answer: Answer) -> Iterator[bytes]:
        closing = "".join(_closing(answer))
        if closing:
            yield self._chunk({"content": closing})
        yield self._chunk(
            {},
            finish_reason=_finish_reason(answer),
            citations=_citations(answer.citations),
            see_also=_citations(answer.see_also),
            status=answer.status,
            answer_id=answer.id,
            degraded=answer.degraded,
            notices=answer.notices,
            cost_usd=answer.usage.micro_usd / 1_000_000,
        )
        if self._asked.wants_usage:
            yield self._frame([], usage=_usage(answer))

    def _chunk(
        self, delta: dict[str, str], finish_reason: str | None = None, **beside: object
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._frame([choice], **beside)

    def _frame(self, choices: list[dict[str, Any]], **beside: object) -> bytes:
        return _data(
            {
                "id": _id(self._answer_id),
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": self._asked.model,
                "choices": choices,
                **beside,
            }
        )


def _data(body: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % to_json(body)


def _id(answer_id: str) -> str:
    return f"chatcmpl-{answer_id}"


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _marked(sentence: AnswerSentence) -> str:
    """Return a sentence with the numbers of its footnotes, and how sure it is if it is not."""
    marks = "".join(f"[{n}]" for n in sentence.citations)
    doubt = " (not verified)" if sentence.support is Support.UNVERIFIED else ""
    return f"{sentence.text} {marks}{doubt}".rstrip()


def _closing(answer: Answer) -> Iterator[str]:
    """Yield what stands below the sentences: why there are none, notices, footnotes."""
    if not answer.sentences:
        yield _WORDS.get(answer.status, _WORDS[AnswerStatus.NO_EVIDENCE])
    elif answer.status is AnswerStatus.PARTIAL:
        yield f"{_BETWEEN}Parts of the answer could not be supported and are left out."
    if answer.mode is AnswerMode.EXTRACTIVE and answer.degraded and answer.sentences:
        yield f"{_BETWEEN}{_QUOTED}"
    for notice in answer.notices:
        yield f"{_BETWEEN}{notice}"
    if answer.citations:
        yield f"{_BETWEEN}Sources:"
        yield from map(_footnote, answer.citations)
    elif answer.see_also:
        yield f"{_BETWEEN}These passages come nearest:"
        yield from map(_footnote, answer.see_also[:_SEE_ALSO])


def _footnote(citation: Citation) -> str:
    passage = citation.passage
    place = [passage.title, *passage.heading_path[-1:]]
    if passage.page is not None:
        place.append(f"page {passage.page}")
    quote = " ".join(citation.quote.split())
    return f"\n[{citation.n}] {', '.join(dict.fromkeys(place))}: “{quote}”"


def _finish_reason(answer: Answer) -> Literal["stop", "content_filter"]:
    refused = answer.status in _REFUSED or _FILTERED in answer.degraded
    return "content_filter" if refused else "stop"


def _usage(answer: Answer) -> ChatUsage:
    used = answer.usage
    return ChatUsage(
        prompt_tokens=used.input_tokens,
        completion_tokens=used.output_tokens,
        total_tokens=used.input_tokens + used.output_tokens,
    )


def _citations(citations: tuple[Citation, ...]) -> list[CitationBody]:
    return [citation_body(each, with_text=False) for each in citations]
