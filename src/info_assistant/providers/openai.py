"""OpenAI, and any server that speaks its language: the one module that knows OpenAI's SDK."""

from collections.abc import AsyncGenerator, Iterator
from urllib.parse import urlsplit

import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    OpenAIError,
)
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from info_assistant.errors import ProviderError, ProviderFault
from info_assistant.model.prompt import Prompt, TokenUsage
from info_assistant.model.schema import MALFORMED
from info_assistant.providers.connections import connection_fault, http_client, http_timeout
from info_assistant.providers.faults import Faults, Reply
from info_assistant.providers.streamed import CallLimits, Ended, Piece, require_event_stream
from info_assistant.providers.watch import ProviderWatch

PROVIDER = "openai"
LOG_EVENT = "OpenAI API error"
"""The text of the log line that the runbook looks for."""

BASE_URL = "https://api.openai.com/v1"

_VENDOR_ERRORS = (OpenAIError, httpx2.HTTPError, httpx2.StreamError, *MALFORMED)
_NO_KEY = "none"  # Servers of one's own often want none; the SDK insists on one.
_ENDINGS = {
    "stop": Ended(),
    "length": Ended(ProviderFault.TRUNCATED, "the limit of tokens was reached"),
    "content_filter": Ended(ProviderFault.CONTENT_FILTERED, "its filter stopped the text"),
}
_REFUSAL = Ended(ProviderFault.CONTENT_FILTERED, "the model declined")


class OpenAIWire:
    """Streams chat completions. Implements `streamed.Wire`."""

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None,
        watch: ProviderWatch,
        base_url: str | None = None,
        limits: CallLimits | None = None,
    ) -> None:
        """Open no connection yet. `base_url` is another server's that speaks OpenAI's language."""
        self.model = model
        self.faults = Faults(PROVIDER, "OpenAI")
        url = base_url or BASE_URL
        # OpenAI's own models know the newer name only, most other servers the older one.
        ours = (urlsplit(url).hostname or "").endswith(".openai.com")
        self._limit_name = "max_completion_tokens" if ours else "max_tokens"
        timeout = http_timeout(limits or CallLimits())
        self._client = AsyncOpenAI(
            api_key=api_key or _NO_KEY,
            base_url=url,
            max_retries=0,
            timeout=timeout,
            http_client=http_client(timeout, watch),
        )

    async def pieces(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        """Make a call; see `streamed.Wire`."""
        began = False
        try:
            stream = await self._client.chat.completions.create(
                model=self.model,
                messages=_messages(prompt),
                stream=True,
                stream_options={"include_usage": True},
                extra_body={self._limit_name: prompt.most_tokens},
            )
            async with stream:
                began = True
                await require_event_stream(stream.response, self.faults)
                async for chunk in stream:
                    for piece in _pieces_of(chunk):
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
            response = error.response
            reply = Reply.of(response.status_code, response.headers, error.body)
            return self.faults.of_reply(reply, began=False)
        if isinstance(error, (APITimeoutError, APIConnectionError)):
            return connection_fault(self.faults, error.__cause__, began=began)
        if isinstance(error, APIError):
            return self.faults.of_reply(Reply.of_body(error.body), began=True)
        return connection_fault(self.faults, error, began=began)


def _messages(prompt: Prompt) -> list[ChatCompletionMessageParam]:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": prompt.system}]
    for each in prompt.messages:
        if each.role == "user":
            messages.append({"role": "user", "content": each.text})
        else:
            messages.append({"role": "assistant", "content": each.text})
    return messages


def _pieces_of(chunk: ChatCompletionChunk) -> Iterator[Piece]:
    for choice in chunk.choices[:1]:
        if choice.delta.content:
            yield choice.delta.content
        if choice.delta.refusal:
            yield _REFUSAL
        if choice.finish_reason:
            other = Ended(ProviderFault.TRUNCATED, "it ended in an unknown way")
            yield _ENDINGS.get(choice.finish_reason, other)
    if chunk.usage is not None:
        details = chunk.usage.prompt_tokens_details
        cached = (details.cached_tokens if details is not None else None) or 0
        yield TokenUsage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, cached)
