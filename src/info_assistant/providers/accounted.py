"""A language model whose every call is in the ledger before it is made.

**The upper bound.** A byte-level tokenizer, as all these models have, gives each token at least one
byte of the text, so a text of n bytes in UTF-8 has at most n tokens. What the provider adds around
messages is covered by a fixed allowance. Of what is written, hidden reasoning included, there are
at most `most_tokens`, which the provider enforces. English has about four bytes a token, so the
bound for what is read is about four times the truth; it counts only until the provider has.

**A call that was broken off** may have cost up to this bound: what the provider has read it bills
wholly, and it may have written more than arrived here. A server that ignores `most_tokens` is
covered by the bytes that did arrive.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from info_assistant.errors import ProviderError
from info_assistant.model.prompt import (
    ModelEvent,
    ModelFinished,
    Prompt,
    TextDelta,
    TokenUsage,
)
from info_assistant.model.spend import ModelCall, SpendEvent
from info_assistant.ports import Ledger, TextModel

AROUND_A_MESSAGE = 32
"""Tokens that a provider may add to each message; OpenAI documents three or four."""

AROUND_A_PROMPT = 256
"""Tokens that a provider may add to the whole."""


class AccountedModel:
    """Implements `ports.TextModel` over one model of one provider."""

    def __init__(self, model: TextModel, ledger: Ledger) -> None:
        """Note in `ledger` what calls of `model` cost."""
        self._model = model
        self._ledger = ledger

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._model.provider

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model.model

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:
        """Make the call once it is noted; see `ports.TextModel`.

        Raises what the model raises, RecordsUnavailable where the call cannot be noted, and
        BudgetExhausted where it might not be covered; in neither case it is made.
        """
        most = upper_bound(prompt)
        reservation = await self._ledger.reserve(
            call, provider=self.provider, model=self.model, most=most
        )
        account = _Account(self._ledger, reservation, most)
        try:
            async with aclosing(self._model.stream(prompt, call)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        account.received += _size_of(event.text)
                    elif isinstance(event, ModelFinished):
                        await account.finish(event.usage)
                    yield event
        except ProviderError as error:
            await account.fail(error.detail.usage)
            raise
        finally:
            # However else it ended: the caller has gone, the time is up, a fault of ours.
            await account.fail(None)


class _Account:
    """What is known of one call; the first word on its end counts."""

    def __init__(self, ledger: Ledger, reservation: SpendEvent, most: TokenUsage) -> None:
        self._ledger = ledger
        self._reservation = reservation
        self._most = most
        self._ended = False
        self.received = 0

    async def finish(self, usage: TokenUsage) -> None:
        """Note what the provider counted; where it did not, what it cannot have exceeded."""
        if usage.estimated:
            usage = replace(
                self._most,
                input=max(self._most.input, usage.input),
                output=max(self.received, usage.output),
                estimated=True,
            )
        if self._ends():
            await self._ledger.complete(self._reservation, usage)

    async def fail(self, usage: TokenUsage | None) -> None:
        """Note a call without its end; `usage` is what the provider said nevertheless."""
        if not self._ends():
            return
        if usage is None:
            usage = replace(self._most, output=max(self._most.output, self.received))
        elif usage.output:
            # It broke the text off itself, and said what it takes for that.
            await self._ledger.complete(self._reservation, usage)
            return
        await self._ledger.abort(self._reservation, usage)

    def _ends(self) -> bool:
        first = not self._ended
        self._ended = True
        return first


def upper_bound(prompt: Prompt) -> TokenUsage:
    """Return what a call takes at most; see above."""
    texts = (prompt.system, *(each.text for each in prompt.messages))
    text = sum(map(_size_of, texts))
    around = AROUND_A_PROMPT + AROUND_A_MESSAGE * len(texts)
    return TokenUsage(input=text + around, output=prompt.most_tokens, estimated=True)


def _size_of(text: str) -> int:
    """Return the bytes of a text; half a pair of surrogates, as JSON may carry, has three."""
    return len(text.encode(errors="surrogatepass"))
