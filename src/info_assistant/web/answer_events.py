"""The events of an answer under way, as the backend streams them, and what they come to so far."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from info_assistant.web.replies import Answer, Citation, ProblemDetails, Sentence

_LONGEST_EVENT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event: its name and its data, which is JSON."""

    name: str
    data: str


@dataclass(slots=True)
class SoFar:
    """What is known of an answer: how far it is, what has been released, how it ended.

    `ended` says that no further event will come. Then `answer` is the whole answer, or `problem`
    what went wrong with its status, or neither: nobody waited for its end.
    """

    stage: str = ""
    sentences: list[Sentence] = field(default_factory=list)
    citations: dict[int, Citation] = field(default_factory=dict)
    answer: Answer | None = None
    problem: ProblemDetails | None = None
    ended: bool = False

    def add(self, event: StreamEvent) -> None:
        """Take in the next event; one that is not understood changes nothing."""
        try:
            self._take(event)
        except (ValidationError, ValueError):
            return

    def _take(self, event: StreamEvent) -> None:
        match event.name:
            case "status":
                self.stage = str(json.loads(event.data).get("stage", ""))
            case "sentence":
                self.sentences.append(Sentence.model_validate_json(event.data))
            case "citation":
                citation = Citation.model_validate_json(event.data)
                self.citations[citation.n] = citation
            case "reset":
                self.sentences.clear()
                self.citations.clear()
            case "final":
                self.answer = Answer.model_validate_json(event.data)
                self.ended = True
            case "error":
                self.problem = ProblemDetails.model_validate_json(event.data)
                self.ended = True


async def parsed(chunks: AsyncIterator[bytes]) -> AsyncGenerator[StreamEvent]:
    """Yield the events of a stream; comments and what is malformed are passed over.

    An event of more than 4 MB ends the stream: nothing of ours is so long.
    """
    rest = b""
    async for chunk in chunks:
        *frames, rest = (rest + chunk).split(b"\n\n")
        for frame in frames:
            if (event := _event(frame)) is not None:
                yield event
        if len(rest) > _LONGEST_EVENT:
            return


def _event(frame: bytes) -> StreamEvent | None:
    fields: dict[str, str] = {}
    for line in frame.decode("utf-8", errors="replace").split("\n"):
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")
    if "event" not in fields or "data" not in fields:
        return None
    return StreamEvent(fields["event"], fields["data"])
