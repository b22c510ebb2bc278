"""Whole replies of a language model, for questions of our own that nobody reads along."""

from contextlib import aclosing

from info_assistant.model.prompt import ModelStarted, Prompt, TextDelta
from info_assistant.model.spend import ModelCall
from info_assistant.ports import TextModel


async def whole_reply(model: TextModel, prompt: Prompt, call: ModelCall) -> str:
    """Return what a model says to a prompt. Raises what `TextModel.stream` raises."""
    said: list[str] = []
    async with aclosing(model.stream(prompt, call)) as events:
        async for event in events:
            match event:
                case ModelStarted():
                    said.clear()
                case TextDelta(text):
                    said.append(text)
    return "".join(said)
