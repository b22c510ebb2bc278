"""A language model that says what it is told to, in the pieces and at the times it is told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from info_assistant.model.prompt import (
    ModelEvent,
    ModelFinished,
    ModelStarted,
    Prompt,
    TextDelta,
    TokenUsage,
)
from info_assistant.model.spend import ModelCall

Step = str | float | asyncio.Event | Exception | ModelEvent
"""A piece of text, a pause in seconds, what is waited for, a failure, or an event as it is."""

Script = Callable[[Prompt], Sequence[Step]]
"""What to say to a prompt; it is told the prompt, whose ids of passages it may use."""

USAGE = TokenUsage(input=120, output=30)


@dataclass
class ScriptedModel:
    """Follows a script for each prompt. Implements `ports.TextModel`.

    It begins by itself, and ends by itself where no failure ends it; further `ModelStarted` are
    the script's. `closed` counts the calls that were ended before their time.
    """

    script: Script
    provider: str = "scripted"
    model: str = "script"
    prompts: list[Prompt] = field(default_factory=list)
    calls: list[ModelCall] = field(default_factory=list)
    closed: int = 0

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:
        """Follow the script."""
        self.prompts.append(prompt)
        self.calls.append(call)
        try:
            if (steps := self.script(prompt)) and not isinstance(
                steps[0], ModelStarted | Exception
            ):
                yield ModelStarted(self.provider, self.model)
            for step in steps:
                match step:
                    case str():
                        yield TextDelta(step)
                    case int() | float():
                        await asyncio.sleep(step)
                    case asyncio.Event():
                        await step.wait()
                    case Exception():
                        raise step
                    case _:
                        yield step
            yield ModelFinished(USAGE)
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            raise
