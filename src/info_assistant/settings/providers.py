"""The language models that may compose answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from info_assistant.environment import choice_of, optional_url_of
from info_assistant.errors import Misconfigured
from info_assistant.settings.variables import named

OPENAI_MODEL, ANTHROPIC_MODEL = "gpt-5.4-mini", "claude-haiku-4-5"
"""The models that are asked unless told otherwise: quick ones, which quote well enough."""

_TRUTH = ("true", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Which language models there are, and what happens when none answers."""

    openai_api_key: str | None = field(
        repr=False,
        metadata=named("OPENAI_API_KEY", "The key for OpenAI. Default: none; OpenAI is not asked."),
    )
    openai_base_url: str | None = field(
        metadata=named(
            "OPENAI_BASE_URL",
            "Another server that speaks OpenAI's language, such as http://127.0.0.1:11434/v1. It "
            "is asked even without OPENAI_API_KEY. Default: OpenAI's own.",
        )
    )
    openai_model: str = field(
        metadata=named("OPENAI_MODEL", f"The model to ask there. Default: {OPENAI_MODEL}.")
    )
    anthropic_api_key: str | None = field(
        repr=False,
        metadata=named(
            "ANTHROPIC_API_KEY", "The key for Anthropic. Default: none; Anthropic is not asked."
        ),
    )
    anthropic_base_url: str | None = field(
        metadata=named(
            "ANTHROPIC_BASE_URL",
            "Another server that speaks Anthropic's language. Default: Anthropic's own.",
        )
    )
    anthropic_model: str = field(
        metadata=named("ANTHROPIC_MODEL", f"The model to ask there. Default: {ANTHROPIC_MODEL}.")
    )
    fallback: bool = field(
        metadata=named(
            "LLM_FALLBACK",
            "`false`: only the first provider is asked, whatever happens. Default: true.",
        )
    )
    extractive_fallback: bool = field(
        metadata=named(
            "EXTRACTIVE_FALLBACK",
            "`true`: when no provider answers, answers quote the documents. Default: false; such "
            "questions are refused with the passages that were found. Without any provider all "
            "answers are quotes.",
        )
    )

    @property
    def configured(self) -> tuple[str, ...]:
        """The providers that can be asked, in the order in which they are."""
        openai = self.openai_api_key is not None or self.openai_base_url is not None
        there = {"openai": openai, "anthropic": self.anthropic_api_key is not None}
        return tuple(name for name, is_there in there.items() if is_there)

    def require(self, preferred: str) -> None:
        """Return if LLM_PROVIDER=`preferred` can be honoured. Raises Misconfigured."""
        if preferred in {"openai", "anthropic"} and preferred not in self.configured:
            raise Misconfigured(
                f"LLM_PROVIDER is {preferred}, but {preferred.upper()}_API_KEY is not set, so "
                f"nobody could be asked. Set {preferred.upper()}_API_KEY, or unset LLM_PROVIDER."
            )

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read what is set. Raises Misconfigured."""
        return cls(
            openai_api_key=_key_of(given, "OPENAI_API_KEY"),
            openai_base_url=optional_url_of(given, "OPENAI_BASE_URL"),
            openai_model=given.get("OPENAI_MODEL", OPENAI_MODEL),
            anthropic_api_key=_key_of(given, "ANTHROPIC_API_KEY"),
            anthropic_base_url=optional_url_of(given, "ANTHROPIC_BASE_URL"),
            anthropic_model=given.get("ANTHROPIC_MODEL", ANTHROPIC_MODEL),
            fallback=choice_of(given, "LLM_FALLBACK", "true", _TRUTH, str.lower) == "true",
            extractive_fallback=choice_of(given, "EXTRACTIVE_FALLBACK", "false", _TRUTH, str.lower)
            == "true",
        )


def _key_of(given: Mapping[str, str], name: str) -> str | None:
    """Return a key as it can be sent. Raises Misconfigured, without repeating it."""
    value = given.get(name)
    if value is not None and not (value.isascii() and value.isprintable() and " " not in value):
        raise Misconfigured(
            f"{name} holds characters that no key has, such as a space or a line break. Copy the "
            "key again, without quotation marks or anything around it."
        )
    return value
