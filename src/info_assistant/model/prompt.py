"""What a language model is asked, and what it says while it answers."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the talk with a model."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole request to a model. `version` names our wording, which answers are recorded with.

    `system` is ours alone; whatever comes from people or documents is delimited inside `messages`.
    `most_tokens` bounds what the model may write, and `most_s` how many seconds it may take, where
    that is less than the question has.
    """

    version: str
    system: str
    messages: tuple[Message, ...]
    most_tokens: int
    most_s: float = math.inf


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one call as the provider counts them; `estimated` where it did not say."""

    input: int
    output: int
    cached_input: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class ModelStarted:
    """From here on the words are this model's. Whatever came before, another model's, is void."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the text, cut anywhere."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelFinished:
    """The provider's own word that the text is complete."""

    usage: TokenUsage


ModelEvent = ModelStarted | TextDelta | ModelFinished
