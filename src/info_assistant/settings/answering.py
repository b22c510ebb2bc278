"""How questions are taken and answers composed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from info_assistant.environment import choice_of, number_of
from info_assistant.settings.variables import named

_CONTEXT_TOKENS = range(500, 200_001)
_ANSWER_TOKENS = range(50, 8001)
_YES_NO = ("true", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringSettings:
    """How questions are taken and answers composed."""

    context_tokens: int = field(
        metadata=named(
            "ANSWER_CONTEXT_TOKENS",
            "About how many tokens of passages, earlier turns and question a language model is "
            "given for one answer. Default: 4000.",
        )
    )
    answer_tokens: int = field(
        metadata=named(
            "ANSWER_TOKENS",
            "How many tokens a language model may write for one answer. Default: 700.",
        )
    )
    refuse_personal_data: bool = field(
        metadata=named(
            "REFUSE_PERSONAL_DATA",
            "`true`: questions with e-mail addresses, telephone, card, account, insurance or "
            "social security numbers are refused (422 `personal_data_found`). Default: false.",
        )
    )

    judge: bool = field(
        metadata=named(
            "ANSWER_JUDGE",
            "`true`: a sentence that the check cannot decide is shown to the language model once "
            "more, with its passages; it is held back if they say otherwise. One more call for "
            "each such sentence. Default: false.",
        )
    )

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read the variables. Raises Misconfigured naming variable and remedy."""
        refuse = choice_of(given, "REFUSE_PERSONAL_DATA", "false", _YES_NO, str.lower)
        return cls(
            context_tokens=number_of(given, "ANSWER_CONTEXT_TOKENS", 4000, _CONTEXT_TOKENS),
            answer_tokens=number_of(given, "ANSWER_TOKENS", 700, _ANSWER_TOKENS),
            refuse_personal_data=refuse == "true",
            judge=choice_of(given, "ANSWER_JUDGE", "false", _YES_NO, str.lower) == "true",
        )
