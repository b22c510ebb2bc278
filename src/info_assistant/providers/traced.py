"""A language model each of whose calls is a span of the question's trace."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from info_assistant.errors import ProviderError
from info_assistant.model.prompt import ModelEvent, ModelFinished, Prompt
from info_assistant.model.spend import ModelCall
from info_assistant.observability.spans import Facts, Spans
from info_assistant.ports import TextModel


class TracedModel:
    """Implements `ports.TextModel` over one model of one provider."""

    def __init__(self, model: TextModel, spans: Spans) -> None:
        """Tell `spans` of each call of `model`."""
        self._model = model
        self._spans = spans

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._model.provider

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model.model

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:
        """Make the call; see `ports.TextModel`. Raises what the model raises."""
        facts: Facts = {
            "gen_ai.request.max_tokens": prompt.most_tokens,
            "info_assistant.call.attempt": call.attempt,
            "info_assistant.call.purpose": str(call.purpose),
        }
        span = self._spans.call(self.provider, self.model, facts)
        try:
            async with aclosing(self._model.stream(prompt, call)) as events:
                async for event in events:
                    if isinstance(event, ModelFinished):
                        span.finished(event.usage.input, event.usage.output)
                    yield event
        except ProviderError as error:
            span.failed(error.kind.value)
            raise
        finally:
            span.end()
