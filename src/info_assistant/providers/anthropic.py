"""Anthropic: the one module that knows its SDK."""

from collections.abc import AsyncGenerator, Iterator

import httpx2
from anthropic import (
    AnthropicError,
    APIConnectionError,
    APIStatusError,
    AsyncAnthropic,
)
from anthropic.types import MessageParam, RawMessageStreamEvent

from info_assistant.errors import ProviderError, ProviderFault
from info_assistant.model.prompt import Prompt, TokenUsage
from info_assistant.model.schema import MALFORMED
from info_assistant.providers.connections import connection_fault, http_client, http_timeout
from info_assistant.providers.faults import Faults, Reply
from info_assistant.providers.streamed import CallLimits, Ended, Piece, require_event_stream
from info_assistant.providers.watch import ProviderWatch

PROVIDER = "anthropic"
LOG_EVENT = "Anthropic API error"
"""The text of the log line that the runbook looks for."""

BASE_URL = "https://api.anthropic.com"

# In mid-stream this SDK lets errors of its HTTP library through as they are.
_VENDOR_ERRORS = (AnthropicError, httpx2.HTTPError, httpx2.StreamError, *MALFORMED)
_TOO_LONG = Ended(ProviderFault.TRUNCATED, "the limit of tokens was reached")
_ENDINGS = {
    "end_turn": Ended(),
    "stop_sequence": Ended(),
    "max_tokens": _TOO_LONG,
    "model_context_window_exceeded": _TOO_LONG,
    "refusal": Ended(ProviderFault.CONTENT_FILTERED, "the model declined"),
}
_OTHERWISE = Ended(ProviderFault.TRUNCATED, "it ended in an unknown way")


class AnthropicWire:
    """Streams messages. Implements `streamed.Wire`."""

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        watch: ProviderWatch,
        base_url: str | None = None,
        limits: CallLimits | None = None,
    ) -> None:
        """Open no connection yet."""
        self.model = model
        self.faults = Faults(PROVIDER, "Anthropic")
        timeout = http_timeout(limits or CallLimits())
        self._client = AsyncAnthropic(
            api_key=api_key,
            base_url=base_url or BASE_URL,
            max_retries=0,
            timeout=timeout,
            http_client=http_client(timeout, watch),
        )

    async def pieces(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        """Make a call; see `streamed.Wire`."""
        began = False
        try:
            stream = await self._client.messages.create(
                model=self.model,
                system=prompt.system,
                messages=_messages(prompt),
                max_tokens=prompt.most_tokens,
                stream=True,
            )
            async with stream:
                began = True
                await require_event_stream(stream.response, self.faults)
                said = _Said()
                async for event in stream:
                    for piece in said.pieces_of(event):
                        yield piece
        except _VENDOR_ERRORS as error:
            raise self._translated(error, began=began) from error

    async def ask_models(self) -> None:
        """Ask for the list of models; see `streamed.Wire`."""
        try:
            await self._client.models.list()
        except _VENDOR_ERRORS as error:
            raise self._translated(error, began=False) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _translated(self, error: Exception, *, began: bool) -> ProviderError:
        if isinstance(error, APIStatusError):
            # An error event in a stream comes as an error with status 200.
            response = error.response
            reply = Reply.of(response.status_code, response.headers, error.body)
            return self.faults.of_reply(reply, began=began)
        if isinstance(error, APIConnectionError):
            return connection_fault(self.faults, error.__cause__, began=began)
        return connection_fault(self.faults, error, began=began)


class _Said:
    """What was said of the end and the count, before the message is over."""

    def __init__(self) -> None:
        self._ended = _OTHERWISE
        self._usage = TokenUsage(0, 0)

    def pieces_of(self, event: RawMessageStreamEvent) -> Iterator[Piece]:
        """Yield what an event adds; only `message_stop` makes the end an end."""
        if event.type == "message_start":
            usage = event.message.usage
            cached = usage.cache_read_input_tokens or 0
            sent = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
            self._usage = TokenUsage(sent, usage.output_tokens, cached)
        elif event.type == "content_block_delta":
            if event.delta.type == "text_delta":
                yield event.delta.text
        elif event.type == "message_delta":
            counted = event.usage.output_tokens
            self._usage = TokenUsage(self._usage.input, counted, self._usage.cached_input)
            if event.delta.stop_reason is not None:
                self._ended = _ENDINGS.get(event.delta.stop_reason, _OTHERWISE)
        elif event.type == "message_stop":
            yield self._usage
            yield self._ended


def _messages(prompt: Prompt) -> list[MessageParam]:
    messages: list[MessageParam] = []
    for each in prompt.messages:
        if each.role == "user":
            messages.append({"role": "user", "content": each.text})
        else:
            messages.append({"role": "assistant", "content": each.text})
    return messages
