"""Admit: make sure that the question can be asked. The gateway has seen to it that it may be."""

import unicodedata

from info_assistant.errors import InvalidRequest
from info_assistant.model.question import MAX_QUESTION_CHARACTERS

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def readable_question(text: str) -> str:
    """Return the question without invisible characters and with single spaces.

    Raises:
        InvalidRequest: nothing is left to ask, or it is too long.
    """
    visible = text if text.isprintable() else "".join(filter(_visible, text))
    question = unicodedata.normalize("NFC", " ".join(visible.split()))
    if not any(character.isalnum() for character in question):
        raise InvalidRequest("The question is empty. Please write what you would like to know.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise InvalidRequest(
            f"The question has {len(question)} characters; the limit is "
            f"{MAX_QUESTION_CHARACTERS}. Please shorten it, or ask several questions."
        )
    return question


def _visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in _INVISIBLE
