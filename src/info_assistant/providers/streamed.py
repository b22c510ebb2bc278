"""A call to a language model as it streams: our deadlines, and no end without the provider's word.

Vendors' SDKs bound each read from the socket, so that a server which sends something now and then
is never late; and they take a connection that closes for the end of the answer. Here a piece of
text has to come in time, and only the finish marker makes an answer complete.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from info_assistant.errors import FaultDetail, ProviderError, ProviderFault
from info_assistant.model.prompt import (
    ModelEvent,
    ModelFinished,
    ModelStarted,
    Prompt,
    TextDelta,
    TokenUsage,
)
from info_assistant.model.spend import ModelCall
from info_assistant.providers.faults import Faults, Reply, json_of
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.deadline import REQUEST_SECONDS, Deadline, MovableTimeout

MOST_CHARACTERS_A_TOKEN = 40
"""More text than this for each token that was allowed is no answer any more."""

_LARGEST_ERROR_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long to wait, in seconds.

    For the first word, for each next one, for the whole, and for what comes after the finish
    marker. A call ends `reserve_s` before the question's deadline, which leaves time to say so.
    """

    connect_s: float = 2.0
    first_word_s: float = 10.0
    between_words_s: float = 10.0
    total_s: float = REQUEST_SECONDS
    after_end_s: float = 0.5
    reserve_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """The provider's finish marker. `fault` says why the text is not an answer, None if it is."""

    fault: ProviderFault | None = None
    reason: str = ""


Piece = str | Ended | TokenUsage
"""Text, the end, and what was counted, in the order in which they come."""


class Wire(Protocol):
    """One vendor's SDK, behind which its errors and shapes stay."""

    faults: Faults
    model: str

    def pieces(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        """Make a call; closing the generator ends it. Raises only ProviderError."""

    async def ask_models(self) -> None:
        """Ask for the list of models, which costs nothing. Raises ProviderError."""

    async def close(self) -> None:
        """Close the connections."""


class _Reading:
    """One call as it is read."""

    def __init__(self, prompt: Prompt, limits: CallLimits, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        self._limits = limits
        self._faults = faults
        self._now = loop.time
        total_s = min(limits.total_s, prompt.most_s)
        self._within = Deadline.after(total_s + limits.reserve_s).at - limits.reserve_s
        self._patience_s = limits.first_word_s
        self._due = self._within
        self._timeout = MovableTimeout()
        self._room = prompt.most_tokens * MOST_CHARACTERS_A_TOKEN
        self.ended: Ended | None = None
        self.usage: TokenUsage | None = None
        self.written = 0

    async def next_text(self, pieces: AsyncGenerator[Piece]) -> str | None:
        """Return the next text, or None at the end. Raises ProviderError."""
        # Counted from here, so that what our reader does in between is not the provider's.
        self._due = min(self._now() + self._patience_s, self._within)
        while (piece := await self._next(pieces)) is not None:
            if isinstance(piece, TokenUsage):
                self.usage = piece
            elif isinstance(piece, Ended):
                self._end(piece)
            elif piece and self.ended is None:
                self._write(piece)
                return piece
        return None

    async def _next(self, pieces: AsyncGenerator[Piece]) -> Piece | None:
        try:
            with self._timeout.until(self._due):
                return await anext(pieces, None)
        except TimeoutError:
            if self.ended is not None:
                return None
            late = self._due >= self._within
            silence = f"no word for {self._patience_s:g} seconds"
            why = "its time for the answer is up" if late else silence
            raise self._faults.of_kind(ProviderFault.TIMEOUT, why) from None
        except ProviderError:
            # After the finish marker nothing can go wrong with the text any more.
            if self.ended is not None:
                return None
            raise

    def _end(self, ended: Ended) -> None:
        if self.ended is None:
            self.ended = ended
            self._due = self._now() + self._limits.after_end_s

    def _write(self, text: str) -> None:
        self.written += len(text)
        self._patience_s = self._limits.between_words_s
        if self.written > self._room:
            raise self._faults.of_kind(ProviderFault.TRUNCATED, "it wrote on without an end")

    def close(self) -> None:
        """Wait for nothing any more."""
        self._timeout.close()

    def finish(self) -> ModelFinished:
        """Return the end of a complete answer. Raises ProviderError if it is none."""
        if self.ended is None:
            why = "the connection ended without the finish marker"
            raise self._faults.of_kind(ProviderFault.TRUNCATED, why)
        if self.ended.fault is not None:
            detail = FaultDetail(self.usage, ended=True)
            raise self._faults.of_kind(self.ended.fault, self.ended.reason, detail)
        return ModelFinished(self.usage or TokenUsage(0, 0, estimated=True))


class StreamedModel:
    """One provider's model. Implements `ports.TextModel`; knows nothing of other providers."""

    def __init__(self, wire: Wire, watch: ProviderWatch, limits: CallLimits | None = None) -> None:
        """Speak through `wire` and let `watch` see what comes of it."""
        self.wire = wire
        self.watch = watch
        self._limits = limits or CallLimits()

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.wire.faults.provider

    @property
    def model(self) -> str:
        """The model's name."""
        return self.wire.model

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:  # noqa: ARG002  The ledger's.
        """Make one call; see `ports.TextModel`."""
        reading = _Reading(prompt, self._limits, self.wire.faults)
        yield ModelStarted(self.provider, self.model)
        try:
            async with aclosing(self.wire.pieces(prompt)) as pieces:
                while (text := await reading.next_text(pieces)) is not None:
                    yield TextDelta(text)
            finished = reading.finish()
        except ProviderError as error:
            self.watch.failed(error)
            raise
        finally:
            reading.close()
        self.watch.succeeded()
        yield finished


class StreamedReply(Protocol):
    """What both SDKs' HTTP responses offer."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def aiter_bytes(self) -> AsyncGenerator[bytes]:
        """Yield the body."""


async def require_event_stream(reply: StreamedReply, faults: Faults) -> None:
    """Return if the reply is a stream of events. Raises ProviderError, by what it is instead."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return
    body = bytearray()
    async with aclosing(reply.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _LARGEST_ERROR_BODY:
                break
    found = Reply.of_body(json_of(bytes(body)))
    if found.words or found.sentence:
        raise faults.of_reply(found, began=True)
    why = "what answers at its address is something else"
    raise faults.of_kind(ProviderFault.REFUSED, why)
